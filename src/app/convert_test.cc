#include "app/convert.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>

#include "app/convert_config.h"
#include "app/convert_names.h"
#include "app/golden_test_cases.h"
#include "format/gguf.h"
#include "model/model.h"

namespace outrider {
namespace {

namespace fs = std::filesystem;

// Keys that need not be alike: names and labels for people.
const std::set<std::string_view> kFreeKeys = {"general.name", "general.size_label"};
// Keys that only we write: the files' <mask> token.
const std::set<std::string_view> kOurKeys = {"tokenizer.ggml.mask_token_id"};

constexpr std::string_view kTokenTypes = "tokenizer.ggml.token_type";

class Convert : public testing::Test {
 protected:
  Convert() {
    std::string pattern = fs::temp_directory_path() / "outrider-convert-XXXXXX";
    folder_ = mkdtemp(pattern.data());
  }
  ~Convert() override { fs::remove_all(folder_); }

  ConvertOptions options(const std::string& folder) const {
    ConvertOptions options;
    options.folder = folder;
    options.output = output();
    options.threads = 2;
    options.quiet = true;
    return options;
  }
  std::string output() const { return folder_ / "out.gguf"; }

  // A copy of a case's folder that a test may damage.
  std::string copied(const std::string& name) const {
    fs::copy(kCases + name, folder_ / "hf");
    return folder_ / "hf";
  }
  static void write_file(const std::string& path, std::string_view text) {
    std::ofstream(path, std::ios::binary) << text;
  }
  static std::string read_file(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  fs::path folder_;
};

void expect_same_tensors(const GgufFile& ours, const GgufFile& reference) {
  EXPECT_EQ(ours.tensors().size(), reference.tensors().size());
  for (const GgufTensor& expected : reference.tensors()) {
    const GgufTensor* tensor = ours.find(expected.name);
    ASSERT_NE(tensor, nullptr) << expected.name;
    EXPECT_EQ(tensor->type, expected.type) << expected.name;
    EXPECT_EQ(tensor->dims, expected.dims) << expected.name;
    EXPECT_EQ(tensor->ne, expected.ne) << expected.name;
    EXPECT_TRUE(std::ranges::equal(tensor->bytes, expected.bytes)) << expected.name;
  }
}

// The same, except that structure which the reference marks as ordinary text is control here.
void expect_sound_token_types(const GgufFile& ours, const GgufFile& reference) {
  const auto texts = ours.value("tokenizer.ggml.tokens")->array()->strings();
  const GgufArray& types = *ours.value(kTokenTypes)->array();
  const GgufArray& expected = *reference.value(kTokenTypes)->array();
  ASSERT_EQ(types.size(), expected.size());
  for (std::size_t i = 0; i < types.size(); ++i) {
    if (types.integer(i) == expected.integer(i)) continue;
    EXPECT_EQ(types.integer(i), 3) << texts[i];
    EXPECT_EQ(expected.integer(i), 1) << texts[i];
    EXPECT_TRUE(texts[i].starts_with('<') && texts[i].ends_with('>')) << texts[i];
  }
}

void expect_same_metadata(const GgufFile& ours, const GgufFile& reference) {
  expect_sound_token_types(ours, reference);
  for (const std::string_view key : reference.keys()) {
    if (kFreeKeys.contains(key) || key == kTokenTypes) continue;
    const GgufValue* value = ours.value(key);
    ASSERT_NE(value, nullptr) << key;
    EXPECT_EQ(value->type(), reference.value(key)->type()) << key;
    EXPECT_TRUE(std::ranges::equal(value->encoded(), reference.value(key)->encoded()))
        << key << ": " << value->describe() << " instead of " << reference.value(key)->describe();
  }
  for (const std::string_view key : ours.keys()) {
    EXPECT_TRUE(reference.value(key) != nullptr || kOurKeys.contains(key) ||
                kFreeKeys.contains(key))
        << key;
  }
}

TEST_F(Convert, files_equal_those_of_the_reference_converter) {
  for (const char* name : {"dense/target", "dense/assistant", "ple/target", "ple/assistant",
                           "moe/target", "moe/assistant"}) {
    SCOPED_TRACE(name);
    ConvertOptions wanted = options(kCases + name);
    wanted.drop_centroids = true;  // the reference drops them always
    const auto summary = convert_folder(wanted);
    ASSERT_TRUE(summary.has_value()) << summary.error().message;
    const GgufFile ours = GgufFile::open(output()).value();
    const GgufFile reference = GgufFile::open(kCases + name + ".gguf").value();
    expect_same_tensors(ours, reference);
    expect_same_metadata(ours, reference);
  }
}

TEST_F(Convert, an_assistant_keeps_its_centroid_head) {
  ASSERT_TRUE(convert_folder(options(kCases + "ple/assistant")).has_value());
  const auto target = load_target(kCases + "ple/target.gguf");
  const auto drafter = load_drafter(output(), *target);
  ASSERT_TRUE(drafter.has_value()) << drafter.error().message;
  ASSERT_TRUE(drafter->weights.centroids.has_value());
  EXPECT_EQ(drafter->weights.centroids->rows, 32u);
  EXPECT_EQ(drafter->config.centroid_top, 6u);
  EXPECT_EQ(drafter->weights.ordering.size(), 512u);
  EXPECT_EQ(drafter->file.find("masked_embd_ordering")->type, TensorType::kI32);
  EXPECT_EQ(drafter->file.value("gemma4-assistant.n_centroids")->integer(), 32);
}

TEST_F(Convert, a_type_follows_the_rules_of_quantize) {
  ConvertOptions wanted = options(kCases + "moe/target");
  wanted.type = "q4_0";
  const auto summary = convert_folder(wanted);
  ASSERT_TRUE(summary.has_value()) << summary.error().message;
  const auto target = load_target(output());
  ASSERT_TRUE(target.has_value()) << target.error().message;
  EXPECT_EQ(target->file.find("blk.0.attn_q.weight")->type, TensorType::kQ4_0);
  EXPECT_EQ(target->file.find("token_embd.weight")->type, TensorType::kQ8_0);  // 64 wide
  EXPECT_EQ(target->file.find("blk.0.ffn_gate_inp.weight")->type, TensorType::kF32);
  EXPECT_EQ(summary->fallbacks.at("Q6_K -> Q8_0"), 1u);
}

TEST_F(Convert, generation_defaults_and_chat_template_are_taken_over) {
  const std::string folder = copied("dense/target");
  write_file(folder + "/generation_config.json",
             R"({"top_k": 64, "top_p": 0.95, "temperature": 1.0, "suppress_tokens": [7, 8]})");
  write_file(folder + "/chat_template.jinja", "{{ bos_token }}");
  ASSERT_TRUE(convert_folder(options(folder)).has_value());
  const GgufFile file = GgufFile::open(output()).value();
  EXPECT_EQ(file.value("general.sampling.top_k")->integer(), 64);
  EXPECT_FLOAT_EQ(static_cast<float>(*file.value("general.sampling.top_p")->number()), 0.95F);
  EXPECT_EQ(file.value("general.sampling.temp")->number(), 1.0);
  EXPECT_EQ(file.value("tokenizer.ggml.suppress_tokens")->array()->integer(1), 8);
  EXPECT_EQ(file.value("tokenizer.chat_template")->string(), "{{ bos_token }}");
}

TEST_F(Convert, bad_folders_are_one_sentence_and_leave_nothing) {
  EXPECT_EQ(convert_folder(options("/nowhere")).error().message,
            "/nowhere is no folder with a config.json");
  const std::string folder = copied("dense/target");
  const std::string config = read_file(folder + "/config.json");
  const auto message_for = [&](std::string_view from, std::string_view to) {
    std::string changed = config;
    changed.replace(changed.find(from), from.size(), to);
    write_file(folder + "/config.json", changed);
    const auto summary = convert_folder(options(folder));
    return summary ? std::string("converted") : summary.error().message;
  };
  EXPECT_EQ(message_for("\"gemma4_text\"", "\"llama\""),
            folder + "/config.json describes a model of type \"llama\", expected one of Gemma 4");
  EXPECT_EQ(message_for("\"hidden_size\": 64", "\"hidden_size\": \"wide\""),
            folder +
                "/config.json has \"hidden_size\": \"wide\", expected a whole number from 1 "
                "to 16777216");
  EXPECT_NE(message_for("\"intermediate_size\": 192", "\"intermediate_size\": 96")
                .find("config.json and the tensors do not fit: "),
            std::string::npos);
  EXPECT_EQ(message_for("\"vocab_size\": 512", "\"vocab_size\": 500"),
            folder + ": tokenizer.json has 512 tokens, but config.json says 500");
  write_file(folder + "/config.json", config);
  fs::remove(folder + "/tokenizer.json");
  EXPECT_EQ(convert_folder(options(folder)).error().message, folder + " has no tokenizer.json");
  EXPECT_FALSE(fs::exists(output()));
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_), fs::directory_iterator()), 1);
}

TEST(ConvertConfig, old_and_new_styles_say_the_same) {
  const auto shape_of = [](const std::string& extra) {
    const auto config = read_hf_config(
        R"({"model_type":"gemma4","text_config":{"vocab_size":512,"max_position_embeddings":4096,
        "hidden_size":64,"num_attention_heads":4,"sliding_window":16,"num_hidden_layers":2,
        "layer_types":["sliding_attention","full_attention"],"head_dim":32,
        "num_key_value_heads":2,"intermediate_size":192,"attention_k_eq_v":true,
        "rope_parameters":{"full_attention":{"rope_theta":1e6,"partial_rotary_factor":0.25}},)" +
            extra + "}}",
        "config.json");
    EXPECT_TRUE(config.has_value()) << config.error().message;
    return config->shape;
  };
  const ModelShape old_style = shape_of(R"("global_head_dim":64,"num_global_key_value_heads":1)");
  const ModelShape new_style =
      shape_of(R"("per_layer_config":{"1":{"head_dim":64,"num_key_value_heads":1}})");
  for (const ModelShape& shape : {old_style, new_style}) {
    EXPECT_EQ(shape.head_dim, 64u);
    EXPECT_EQ(shape.head_dim_sliding, 32u);
    EXPECT_EQ(shape.layers[0].kv_heads, 2u);
    EXPECT_EQ(shape.layers[1].kv_heads, 1u);
    EXPECT_EQ(shape.rotated, 8u);
    EXPECT_FALSE(shape.is_drafter);
  }
}

TEST(ConvertNames, checkpoints_wrap_the_text_model_in_several_ways) {
  for (const char* prefix : {"model.", "model.language_model.", "language_model.model."}) {
    const std::string name = std::string(prefix) + "layers.17.self_attn.o_proj.weight";
    EXPECT_EQ(gguf_tensor_name(name), "blk.17.attn_output.weight") << name;
    EXPECT_FALSE(is_left_out(name));
  }
  EXPECT_EQ(gguf_tensor_name("masked_embedding.token_ordering"), "masked_embd_ordering");
  EXPECT_EQ(gguf_tensor_name("model.layers.x.layer_scalar"), std::nullopt);
  EXPECT_EQ(gguf_tensor_name("model.layers.3.mlp.gate.weight"), std::nullopt);
  EXPECT_TRUE(is_left_out("model.vision_tower.encoder.layers.0.self_attn.q_proj.linear.weight"));
  EXPECT_TRUE(is_left_out("model.embed_audio.embedding_projection.weight"));
}

}  // namespace
}  // namespace outrider
