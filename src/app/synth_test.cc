#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <map>
#include <string>

#include "app/synth_model.h"
#include "app/synth_shapes.h"
#include "app/synth_spec.h"
#include "core/random_weights.h"
#include "format/gguf.h"
#include "model/model.h"

namespace outrider {
namespace {

// A folder that goes with the test.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string pattern = std::filesystem::temp_directory_path() / "outrider-synth-XXXXXX";
    path_ = mkdtemp(pattern.data());
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }
  std::string file(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

// Two layers, so that the whole file is small.
constexpr std::string_view kSmallSpec = R"({
  "metadata": {"general.architecture": "gemma4", "general.file_type": 0, "a.scalar": 30.0,
               "a.list": [1, 2, 3], "a.switches": [true, false]},
  "seed": 5,
  "tensors": [["token_embd.weight", "F32", [256, 96], 0.0, 0.0625],
              ["blk.0.attn_norm.weight", "F32", [256], 1.0, 0.1],
              ["blk.0.attn_v.weight", "F32", [256, 32], 0.0, 0.0625]],
  "computed": [{"name": "rope_freqs.weight", "type": "F32", "shape": [32], "fill": "rope_freqs",
                "rotated": 8},
               {"name": "masked_embd_ordering", "type": "I32", "shape": [96],
                "fill": "permuted_id"}]})";

class SynthSpec : public testing::Test {
 protected:
  GgufFile written(const SynthModel& model) {
    SynthOutput output;
    output.path = folder_.file("model.gguf");
    output.quiet = true;
    EXPECT_TRUE(write_synth(model, output, pool_).has_value());
    auto file = GgufFile::open(output.path);
    EXPECT_TRUE(file.has_value());
    return *std::move(file);
  }

  SynthModel small() { return parse_synth_spec(kSmallSpec, "spec").value(); }

  TemporaryFolder folder_;
  ThreadPool pool_{2};
};

TEST_F(SynthSpec, metadata_keeps_the_kinds_of_the_json_values) {
  const GgufFile file = written(small());
  EXPECT_EQ(file.value("general.architecture")->type(), GgufType::kString);
  EXPECT_EQ(file.value("general.file_type")->type(), GgufType::kU32);
  EXPECT_EQ(file.value("a.scalar")->type(), GgufType::kF32);
  EXPECT_EQ(file.value("a.scalar")->number(), 30.0);
  EXPECT_EQ(file.value("a.list")->array()->element(), GgufType::kI32);
  EXPECT_EQ(file.value("a.list")->array()->integer(2), 3);
  EXPECT_EQ(file.value("a.switches")->array()->element(), GgufType::kBool);
}

TEST_F(SynthSpec, drawn_tensors_hold_exactly_the_random_weights) {
  const GgufFile file = written(small());
  for (const char* name : {"token_embd.weight", "blk.0.attn_norm.weight"}) {
    const GgufTensor* tensor = file.find(name);
    ASSERT_NE(tensor, nullptr);
    std::vector<float> expected(tensor->bytes.size() / sizeof(float));
    const bool norm = tensor->ne[1] == 1;
    random_weights({name, 5, norm ? 1.0F : 0.0F, norm ? 0.1F : 0.0625F}, 0, expected);
    EXPECT_EQ(std::memcmp(expected.data(), tensor->bytes.data(), tensor->bytes.size()), 0) << name;
  }
}

TEST_F(SynthSpec, computed_tensors_follow_their_rules) {
  const GgufFile file = written(small());
  std::vector<float> divisors(32);
  std::memcpy(divisors.data(), file.find("rope_freqs.weight")->bytes.data(), 32 * sizeof(float));
  EXPECT_EQ(divisors[7], 1.0F);
  EXPECT_EQ(divisors[8], 1e30F);
  std::vector<std::int32_t> ids(96);
  std::memcpy(ids.data(), file.find("masked_embd_ordering")->bytes.data(), 96 * sizeof(int));
  for (std::size_t i = 0; i < ids.size(); ++i) EXPECT_EQ(ids[i], permuted_id(i, 96));
}

TEST_F(SynthSpec, a_type_applies_to_matrices_only) {
  SynthModel model = small();
  apply_mix(model, quant_mix_from_name("q4_0").value());
  const GgufFile file = written(model);
  EXPECT_EQ(file.find("token_embd.weight")->type, TensorType::kQ6_K);
  EXPECT_EQ(file.find("blk.0.attn_v.weight")->type, TensorType::kQ4_0);
  EXPECT_EQ(file.find("blk.0.attn_norm.weight")->type, TensorType::kF32);
  EXPECT_EQ(file.value("general.file_type")->integer(), 2);
}

TEST_F(SynthSpec, a_slice_is_a_model_that_loads) {
  const std::string folder = OUTRIDER_SOURCE_DIR "/tests/golden/slices/e2b/";
  SynthOutput output;
  output.quiet = true;
  for (const char* part : {"target", "assistant"}) {
    auto model = read_synth_spec(folder + part + ".json");
    ASSERT_TRUE(model.has_value()) << model.error().message;
    apply_mix(*model, quant_mix_from_name("q6_k").value());  // a small file, quickly made
    output.path = folder_.file(std::string(part) + ".gguf");
    ASSERT_TRUE(write_synth(*model, output, pool_).has_value());
  }
  const auto target = load_target(folder_.file("target.gguf"));
  ASSERT_TRUE(target.has_value()) << target.error().message;
  EXPECT_EQ(target->config.layers.size(), 4);
  const auto drafter = load_drafter(folder_.file("assistant.gguf"), *target);
  ASSERT_TRUE(drafter.has_value()) << drafter.error().message;
  EXPECT_TRUE(drafter->weights.centroids.has_value());
}

TEST(SynthShapes, tensors_are_as_many_as_in_released_files) {
  const auto count = [](std::string_view size, bool assistant) {
    const auto pair = released_shapes(size, 0).value();
    return synth_of(assistant ? pair.assistant : pair.target, 1).tensors.size();
  };
  EXPECT_EQ(count("e2b", false), 601u);
  EXPECT_EQ(count("e4b", false), 720u);
  EXPECT_EQ(count("12b", false), 667u);
  EXPECT_EQ(count("26b-a4b", false), 658u);
  EXPECT_EQ(count("31b", false), 833u);
  for (const char* size : {"e2b", "e4b", "12b", "26b-a4b", "31b"})
    EXPECT_EQ(count(size, true), 49u);
}

TEST(SynthShapes, assistants_have_as_many_parameters_as_released_ones) {
  const auto millions = [](std::string_view size) {
    const auto pair = released_shapes(size, 0).value();
    std::uint64_t values = 0;
    for (const SynthTensor& tensor : synth_of(pair.assistant, 1).tensors) {
      if (tensor.fill == SynthFill::kRandom)
        values += tensor.ne[0] * (tensor.ne.size() > 1 ? tensor.ne[1] : 1);
    }
    return static_cast<double>(values) / 1e6;
  };
  EXPECT_NEAR(millions("e2b"), 77.1, 0.2);  // 77.7 with centroids
  EXPECT_NEAR(millions("e4b"), 78.0, 0.2);  // 78.5 with centroids
  EXPECT_NEAR(millions("12b"), 422.9, 0.1);
  EXPECT_NEAR(millions("26b-a4b"), 419.7, 0.1);
  EXPECT_NEAR(millions("31b"), 469.5, 0.1);
}

TEST(SynthShapes, a_cut_model_keeps_a_full_layer_with_keys_of_its_own) {
  for (const char* size : {"e2b", "e4b", "12b", "26b-a4b", "31b"}) {
    for (std::uint32_t layers = 6; layers <= 30; layers += 3) {
      const auto pair = released_shapes(size, layers);
      ASSERT_TRUE(pair.has_value()) << pair.error().message;
      const ModelShape& shape = pair->target;
      bool full = false;
      for (std::uint32_t i = 0; i < layers - shape.shared_kv_layers; ++i) {
        full = full || !shape.layers[i].sliding;
      }
      EXPECT_TRUE(full) << size << " with " << layers;
    }
  }
  EXPECT_EQ(released_shapes("e2b", 4).error().message, "e2b can have 5 to 35 layers, not 4");
  EXPECT_EQ(released_shapes("7b", 0).error().message,
            "size \"7b\" is not one of e2b, e4b, 12b, 26b-a4b, 31b");
}

TEST(SynthShapes, types_are_those_of_real_quantised_files) {
  SynthModel model = synth_of(released_shapes("26b-a4b", 0)->target, 1);
  apply_mix(model, quant_mix_from_name("Q4_K_M").value());
  std::map<std::string, TensorType> types;
  for (const SynthTensor& tensor : model.tensors) types[tensor.name] = tensor.type;
  EXPECT_EQ(types["blk.1.ffn_gate_up_exps.weight"], TensorType::kQ4_K);
  EXPECT_EQ(types["blk.0.ffn_down_exps.weight"], TensorType::kQ8_0);  // Q6_K, 704 wide
  EXPECT_EQ(types["blk.3.ffn_down_exps.weight"], TensorType::kQ5_0);  // Q4_K, 704 wide
  EXPECT_EQ(types["blk.1.ffn_gate_inp.weight"], TensorType::kF32);
  EXPECT_EQ(types["token_embd.weight"], TensorType::kQ6_K);
  SynthModel e2b = synth_of(released_shapes("e2b", 0)->target, 1);
  apply_mix(e2b, quant_mix_from_name("q4_0").value());
  for (const SynthTensor& tensor : e2b.tensors) {
    if (tensor.name == "per_layer_model_proj.weight") {
      EXPECT_EQ(tensor.type, TensorType::kBF16);
    } else if (tensor.name == "per_layer_token_embd.weight") {
      EXPECT_EQ(tensor.type, TensorType::kQ4_0);
    } else if (tensor.name == "token_embd.weight") {
      EXPECT_EQ(tensor.type, TensorType::kQ6_K);
    }
  }
}

TEST(SynthSpecErrors, name_the_file_and_the_tensor) {
  const auto message = [](std::string_view text) {
    const auto model = parse_synth_spec(text, "some.json");
    return model ? std::string("accepted") : model.error().message;
  };
  EXPECT_EQ(message("{"), "some.json is not JSON: incomplete JSON");
  EXPECT_EQ(message("[]"), "some.json is not a JSON object");
  EXPECT_EQ(message(R"({"seed":1,"metadata":{}})"), "some.json has no \"tensors\" list");
  EXPECT_EQ(message(R"({"seed":1,"metadata":{},"tensors":[["a","Q4_0",[33],0.0,1.0]]})"),
            "some.json gives tensor \"a\" no shape of 1 to 4 whole numbers, the first a multiple "
            "of 32");
  EXPECT_EQ(message(R"({"seed":1,"metadata":{},"tensors":[["a","IQ4_XS",[256],0.0,1.0]]})"),
            "some.json gives tensor \"a\" the type \"IQ4_XS\", which cannot be written");
  EXPECT_EQ(message(R"({"seed":1,"metadata":{"k":[1,true]},"tensors":[]})"),
            "some.json gives \"k\" a value of no known kind");
}

}  // namespace
}  // namespace outrider
