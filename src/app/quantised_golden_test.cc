// A quantised file computes what its weights, multiplied out, compute.
#include <gtest/gtest.h>

#include <cmath>

#include "engine/golden_test_runtime.h"

namespace outrider {
namespace {

constexpr std::array kTypes = {TensorType::kF16,  TensorType::kBF16, TensorType::kQ8_0,
                               TensorType::kQ4_0, TensorType::kQ5_0, TensorType::kQ5_1,
                               TensorType::kQ4_K, TensorType::kQ5_K, TensorType::kQ6_K};

struct Written {
  std::string quantised, multiplied_out;
  std::size_t tensors = 0;  // of that type
};

// Every matrix whose rows the type can hold, in that type, and what they decode to in float.
Written write_both(const std::string& path, TensorType type, const std::string& name) {
  EditedModel model(path);
  Written written;
  const auto holds = [&](const EditedModel::Tensor& tensor) {
    return tensor.ne.size() >= 2 && tensor.ne[0] % info(type).block_values == 0;
  };
  for (EditedModel::Tensor& tensor : model.tensors()) {
    if (!holds(tensor)) continue;
    EditedModel::convert(tensor, type);
    ++written.tensors;
  }
  written.quantised = model.write("quantised_" + name);
  for (EditedModel::Tensor& tensor : model.tensors()) {
    if (holds(tensor)) EditedModel::convert(tensor, TensorType::kF32);
  }
  written.multiplied_out = model.write("multiplied_out_" + name);
  return written;
}

// Logits of 48 rows and of three draft steps.
std::vector<float> all_logits(const TestPair& pair, bool integer_activations) {
  TestOptions options;
  options.integer_activations = integer_activations;
  const auto runtime = load(pair, options);
  TracedSequence sequence(*runtime, 1);
  for (int chunk = 0; chunk < 3; ++chunk) sequence.run(16);
  std::vector<float> all;
  for (const auto& [pos, outputs] : sequence.outputs())
    all.insert(all.end(), outputs.logits.begin(), outputs.logits.end());
  DraftBatch batch;
  batch.add(sequence.last());
  for (int step = 0; step < 3; ++step) {
    const auto drafted = checked(runtime->run(batch)).logits[0];
    for (const float logit : drafted) {
      if (std::isfinite(logit)) all.push_back(logit);
    }
    const TokenId same(9);
    batch.advance({&same, 1});
  }
  return all;
}

double relative_error(const std::vector<float>& ours, const std::vector<float>& want) {
  require(ours.size() == want.size(), "both runs have the same rows");
  double difference = 0, size = 0;
  for (std::size_t i = 0; i < want.size(); ++i) {
    const auto value = static_cast<double>(want[i]);
    difference += std::pow(static_cast<double>(ours[i]) - value, 2);
    size += value * value;
  }
  return std::sqrt(difference / size);
}

class QuantisedFile : public testing::TestWithParam<TensorType> {};

TEST_P(QuantisedFile,
       with_float_activations_is_within_a_ten_thousandth_of_its_weights_multiplied_out) {
  std::size_t tensors = 0;
  for (const std::string name : {"dense", "ple", "moe", "mild/dense", "mild/moe"}) {
    SCOPED_TRACE(name);
    const TestPair pair = golden_pair(name);
    const Written target = write_both(pair.target, GetParam(), "target.gguf");
    const Written drafter = write_both(pair.drafter, GetParam(), "assistant.gguf");
    tensors += target.tensors + drafter.tensors;
    const auto ours = all_logits({target.quantised, drafter.quantised}, false);
    const auto want = all_logits({target.multiplied_out, drafter.multiplied_out}, false);
    EXPECT_LE(relative_error(ours, want), 1e-4);
  }
  EXPECT_GT(tensors, 5u) << "no row was long enough for a block";
}

TEST_P(QuantisedFile, with_int8_activations_stays_near_its_weights_multiplied_out) {
  for (const std::string name : {"mild/dense", "mild/ple"}) {
    SCOPED_TRACE(name);
    const TestPair pair = golden_pair(name);
    const Written target = write_both(pair.target, GetParam(), "target.gguf");
    // The drafter stays float: its few clusters would differ, not its arithmetic.
    const auto ours = all_logits({target.quantised, golden_case(name + "/assistant.gguf")}, true);
    const auto want =
        all_logits({target.multiplied_out, golden_case(name + "/assistant.gguf")}, true);
    EXPECT_LE(relative_error(ours, want), 5e-2);
  }
}

std::string type_name(const testing::TestParamInfo<TensorType>& param) {
  return std::string(info(param.param).name);
}
INSTANTIATE_TEST_SUITE_P(Golden, QuantisedFile, testing::ValuesIn(kTypes), type_name);

}  // namespace
}  // namespace outrider
