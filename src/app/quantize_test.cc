#include "app/quantize.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>

#include "app/golden_test_cases.h"
#include "app/quantize_rules.h"
#include "format/gguf.h"
#include "format/gguf_writer.h"
#include "model/model.h"
#include "quant/codec.h"

namespace outrider {
namespace {

class Quantize : public testing::Test {
 protected:
  Quantize() {
    std::string pattern = std::filesystem::temp_directory_path() / "outrider-quantize-XXXXXX";
    folder_ = mkdtemp(pattern.data());
  }
  ~Quantize() override { std::filesystem::remove_all(folder_); }

  Result<QuantizeSummary> quantize(const std::string& input, const std::string& type) {
    QuantizeOptions options;
    options.input = input;
    options.output = output();
    options.type = type;
    options.threads = 2;
    options.quiet = true;
    return quantize_file(options);
  }
  std::string output() const { return folder_ / "out.gguf"; }

  std::filesystem::path folder_;
};

std::vector<float> decoded(const GgufTensor& tensor) {
  std::vector<float> values(tensor.ne[0] * tensor.ne[1] * tensor.ne[2]);
  const std::size_t stride = row_bytes(tensor.type, tensor.ne[0]);
  for (std::size_t row = 0; row * tensor.ne[0] < values.size(); ++row) {
    decode_row(tensor.type, tensor.bytes.subspan(row * stride, stride),
               std::span(values).subspan(row * tensor.ne[0], tensor.ne[0]));
  }
  return values;
}

// Relative error, Euclidean.
double distance(const std::vector<float>& a, const std::vector<float>& b) {
  double difference = 0;
  double norm = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    difference += std::pow(static_cast<double>(a[i]) - static_cast<double>(b[i]), 2);
    norm += std::pow(static_cast<double>(a[i]), 2);
  }
  return std::sqrt(difference / norm);
}

TEST_F(Quantize, every_type_gives_a_target_that_loads) {
  struct Expected {
    const char* type;
    TensorType matrices;  // of a width of 64, which no K type divides
    double error;
  };
  for (const auto& [type, matrices, error] :
       {Expected{"F16", TensorType::kF16, 1e-3}, Expected{"q8_0", TensorType::kQ8_0, 0.01},
        Expected{"Q4_0", TensorType::kQ4_0, 0.12}, Expected{"Q5_0", TensorType::kQ5_0, 0.06},
        Expected{"Q5_1", TensorType::kQ5_1, 0.06}, Expected{"Q4_K", TensorType::kQ5_0, 0.06},
        Expected{"Q5_K_M", TensorType::kQ5_1, 0.06}, Expected{"Q6_K", TensorType::kQ8_0, 0.01}}) {
    for (const char* name : {"dense", "ple", "moe"}) {
      const std::string input = kCases + name + "/target.gguf";
      const auto summary = quantize(input, type);
      ASSERT_TRUE(summary.has_value()) << summary.error().message;
      const auto target = load_target(output());
      ASSERT_TRUE(target.has_value()) << type << ": " << target.error().message;
      const GgufTensor* query = target->file.find("blk.1.attn_q.weight");
      EXPECT_EQ(query->type, matrices) << type;
      EXPECT_EQ(target->file.find("blk.1.attn_norm.weight")->type, TensorType::kF32);
      const GgufFile before = GgufFile::open(input).value();
      const auto exact = decoded(*before.find("blk.1.attn_q.weight"));
      EXPECT_LT(distance(exact, decoded(*query)), error) << type;
    }
  }
}

TEST_F(Quantize, metadata_is_kept_and_says_the_new_type) {
  const std::string input = kCases + "dense/target.gguf";
  ASSERT_TRUE(quantize(input, "Q8_0").has_value());
  const GgufFile before = GgufFile::open(input).value();
  const GgufFile after = GgufFile::open(output()).value();
  EXPECT_EQ(after.value("general.file_type")->integer(), 7);
  EXPECT_EQ(after.value("general.quantization_version")->integer(), 2);
  for (const std::string_view key : before.keys()) {
    if (key == "general.file_type") continue;
    ASSERT_NE(after.value(key), nullptr) << key;
    EXPECT_TRUE(std::ranges::equal(before.value(key)->encoded(), after.value(key)->encoded()))
        << key;
  }
}

TEST_F(Quantize, an_assistant_keeps_its_token_ordering) {
  auto writer = GgufWriter::create(folder_ / "in.gguf").value();
  writer.declare_tensor("token_embd.weight", TensorType::kF32, std::array<std::uint64_t, 2>{32, 4});
  writer.declare_tensor("masked_embd_ordering", TensorType::kI32, std::array<std::uint64_t, 1>{4});
  const std::vector<float> table(128, 0.5F);
  const std::vector<std::int32_t> ids = {3, 1, 0, 2};
  ASSERT_TRUE(writer.write("token_embd.weight", std::as_bytes(std::span(table))).has_value());
  ASSERT_TRUE(writer.write("masked_embd_ordering", std::as_bytes(std::span(ids))).has_value());
  ASSERT_TRUE(writer.finish().has_value());
  const auto summary = quantize(folder_ / "in.gguf", "Q6_K");
  ASSERT_TRUE(summary.has_value()) << summary.error().message;
  EXPECT_EQ(summary->fallbacks.at("Q6_K -> Q8_0"), 1);
  const GgufFile file = GgufFile::open(output()).value();
  EXPECT_TRUE(
      std::ranges::equal(file.find("masked_embd_ordering")->bytes, std::as_bytes(std::span(ids))));
}

TEST_F(Quantize, what_cannot_be_done_is_one_sentence) {
  const std::string input = kCases + "dense/target.gguf";
  EXPECT_EQ(quantize(input, "Q9").error().message,
            "type \"Q9\" is not one of F32, F16, BF16, Q8_0, Q4_0, Q5_0, Q5_1, Q4_K_M, Q5_K_M, "
            "Q6_K");
  EXPECT_NE(quantize(folder_ / "none.gguf", "Q8_0").error().message.find("none.gguf"),
            std::string::npos);
  ASSERT_TRUE(quantize(input, "Q8_0").has_value());
  EXPECT_EQ(quantize(output(), "Q4_0").error().message,
            output() + " would be written over while it is read");
  std::filesystem::rename(output(), folder_ / "small.gguf");
  EXPECT_NE(quantize(folder_ / "small.gguf", "Q4_0").error().message.find("is Q8_0 already"),
            std::string::npos);
}

// The released shapes, by name and width only.
class Rules : public testing::Test {
 protected:
  static TensorType type_in(QuantRules& rules, std::string_view name, std::uint64_t cols) {
    const std::array<std::uint64_t, 2> ne = {cols, 64};
    return rules.type_of({name, ne, TensorType::kF32});
  }
  static std::vector<std::string> dense_names(std::uint32_t layers, std::uint32_t period) {
    std::vector<std::string> names = {"token_embd.weight", "output_norm.weight"};
    for (std::uint32_t i = 0; i < layers; ++i) {
      const std::string prefix = "blk." + std::to_string(i) + ".";
      names.push_back(prefix + "ffn_down.weight");
      names.push_back(prefix + "attn_q.weight");
      if ((i + 1) % period != 0) names.push_back(prefix + "attn_v.weight");
    }
    return names;
  }
};

TEST_F(Rules, a_q4_k_m_of_12b_has_as_many_q6_k_tensors_as_published_files) {
  const auto names = dense_names(48, 6);
  const std::vector<std::string_view> views(names.begin(), names.end());
  QuantRules rules(quant_mix_from_name("Q4_K_M").value(), views);
  std::uint32_t q6_k = 0;
  for (const std::string& name : names) q6_k += type_in(rules, name, 3840) == TensorType::kQ6_K;
  EXPECT_EQ(q6_k, 45u);
  EXPECT_EQ(type_in(rules, "blk.0.ffn_down.weight", 15360), TensorType::kQ6_K);
  EXPECT_EQ(type_in(rules, "blk.0.attn_q.weight", 3840), TensorType::kQ4_K);
  EXPECT_TRUE(rules.fallbacks().empty());
}

TEST_F(Rules, widths_that_no_block_divides_fall_back) {
  QuantRules q4(quant_mix_from_name("Q4_K").value(), {});
  EXPECT_EQ(type_in(q4, "blk.0.ffn_gate_exps.weight", 704), TensorType::kQ5_0);
  EXPECT_EQ(type_in(q4, "blk.0.ffn_gate_exps.weight", 20), TensorType::kF16);
  EXPECT_EQ(q4.fallbacks().at("Q4_K -> Q5_0"), 1);
  EXPECT_EQ(q4.fallbacks().at("Q4_K -> F16"), 1);
  QuantRules q5(quant_mix_from_name("Q5_K").value(), {});
  EXPECT_EQ(type_in(q5, "blk.0.attn_q.weight", 704), TensorType::kQ5_1);
}

TEST_F(Rules, some_tensors_stay_as_they_are) {
  QuantRules rules(quant_mix_from_name("Q4_0").value(), {});
  for (const char* name : {"blk.0.ffn_gate_inp.weight", "per_layer_model_proj.weight",
                           "blk.0.ffn_down_exps.scale", "per_layer_proj_norm.weight"}) {
    EXPECT_EQ(type_in(rules, name, 256), TensorType::kF32) << name;
  }
}

TEST_F(Rules, a_tied_embedding_follows_the_output_rule) {
  const std::vector<std::string_view> untied = {"token_embd.weight", "output.weight"};
  QuantRules tied(quant_mix_from_name("Q4_0").value(), {});
  QuantRules own(quant_mix_from_name("Q4_0").value(), untied);
  EXPECT_EQ(type_in(tied, "token_embd.weight", 256), TensorType::kQ6_K);
  EXPECT_EQ(type_in(tied, "per_layer_token_embd.weight", 256), TensorType::kQ6_K);
  EXPECT_EQ(type_in(own, "token_embd.weight", 256), TensorType::kQ4_0);
  EXPECT_EQ(type_in(own, "output.weight", 256), TensorType::kQ6_K);
  tied.set_token_embedding(TensorType::kQ4_0);
  EXPECT_EQ(type_in(tied, "token_embd.weight", 256), TensorType::kQ4_0);
  QuantRules eight(quant_mix_from_name("Q8_0").value(), {});
  EXPECT_EQ(type_in(eight, "token_embd.weight", 256), TensorType::kQ8_0);
}

}  // namespace
}  // namespace outrider
