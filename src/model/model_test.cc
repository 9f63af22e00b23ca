// Target files: what their metadata says, what is refused, and which spellings mean the same.
#include "model/model.h"

#include <gtest/gtest.h>

#include <cmath>

#include "model/forward_test_run.h"

namespace outrider {
namespace {

constexpr const char* kCases[] = {"dense", "ple", "moe", "mild/dense", "mild/ple", "mild/moe"};

std::string target_of(std::string_view name) {
  return golden_case(std::string(name) + "/target.gguf");
}

// The file is refused with one sentence that names it and every one of these words.
void expect_refused(const std::string& path, std::initializer_list<std::string_view> words) {
  const auto model = load_target(path);
  ASSERT_FALSE(model) << "was loaded, expected words like " << *words.begin();
  EXPECT_EQ(model.error().code, ErrorCode::kBadModelFile);
  EXPECT_NE(model.error().message.find(path), std::string::npos) << model.error().message;
  for (const std::string_view word : words) {
    EXPECT_NE(model.error().message.find(word), std::string::npos) << model.error().message;
  }
}

void expect_same_logits(const std::string& changed, const std::string& original) {
  const ForwardRun ours = run_files(changed), want = run_files(original);
  ASSERT_EQ(ours.logits.size(), want.logits.size());
  EXPECT_EQ(std::memcmp(ours.logits.data(), want.logits.data(), want.logits.size() * sizeof(float)),
            0);
}

TEST(TargetConfig, every_case_has_the_numbers_it_was_made_with) {
  for (const std::string name : kCases) {
    SCOPED_TRACE(name);
    const TargetModel model = checked(load_target(target_of(name)));
    const TargetConfig& c = model.config;
    const bool small = name.ends_with("ple"), moe = name.ends_with("moe");
    EXPECT_EQ(c.name, "Target");
    EXPECT_EQ(c.width, 64u);
    EXPECT_EQ(c.vocab, 512u);
    EXPECT_EQ(c.context, 4096u);
    EXPECT_EQ(c.window, 16u);
    EXPECT_EQ(c.reach, 16u);
    EXPECT_EQ(c.rms_eps, 1e-6f);
    EXPECT_EQ(c.rope_base, 1e6f);
    EXPECT_EQ(c.rope_base_sliding, 1e4f);
    EXPECT_EQ(c.logit_softcap, 30.0f);
    EXPECT_EQ(c.per_layer_width, small ? 16u : 0u);
    EXPECT_EQ(c.moe.has_value(), moe);
    if (moe) {
      EXPECT_EQ(c.moe->experts, 8u);
      EXPECT_EQ(c.moe->used, 3u);
      EXPECT_EQ(c.moe->ffn_width, 32u);
    }
    ASSERT_EQ(c.layers.size(), small ? 8u : 6u);
    for (std::uint32_t i = 0; i < c.layers.size(); ++i) {
      const LayerConfig& layer = c.layers[i];
      const bool full = small ? i % 4 == 3 : i % 3 == 2;
      EXPECT_EQ(layer.sliding, !full) << i;
      EXPECT_EQ(layer.heads, 4u);
      EXPECT_EQ(layer.kv_heads, small || full ? 1u : 2u) << i;
      EXPECT_EQ(layer.head_dim, full ? 64u : 32u) << i;
      EXPECT_EQ(layer.ffn_width, small ? (i < 4 ? 128u : 256u) : moe ? 128u : 192u) << i;
    }
  }
}

TEST(TargetConfig, shared_layers_read_the_last_owner_of_their_kind) {
  const TargetModel model = checked(load_target(target_of("ple")));
  EXPECT_EQ(model.config.kv_layers(), 4u);
  EXPECT_EQ(model.config.last_kv_layer(), 3u);
  for (std::uint32_t i = 0; i < 8; ++i) {
    EXPECT_EQ(model.config.layers[i].owns_kv, i < 4) << i;
    EXPECT_EQ(model.config.layers[i].kv_layer, i < 4 ? i : i == 7 ? 3 : 2) << i;
    const KvTarget kv = kv_target(model.config, model.config.layers[i]);
    EXPECT_EQ(kv.window, i % 4 == 3 ? 0u : 16u) << i;
    EXPECT_EQ(kv.shape.head_dim, i % 4 == 3 ? 64u : 32u) << i;
  }
  ASSERT_EQ(model.kv_shapes().size(), 4u);
  EXPECT_EQ(model.kv_shapes()[3].group, KvGroup::kGlobal);
}

TEST(TargetConfig, scalars_arrays_and_periods_say_the_same) {
  EditedModel model(target_of("dense"));
  model.set_u32("gemma4.attention.sliding_window_pattern", 3);  // every third layer is full
  model.set([](GgufWriter& w) {
    w.set_u32s("gemma4.feed_forward_length", std::vector<std::uint32_t>(6, 192));
    w.set_i32s("gemma4.attention.head_count", std::vector<std::int32_t>(6, 4));
    w.set_u32s("gemma4.attention.head_count_kv", std::vector<std::uint32_t>{2, 2, 1, 2, 2, 1});
  });
  expect_same_logits(model.write("arrays.gguf"), target_of("dense"));

  EditedModel ple(target_of("ple"));
  ple.set([](GgufWriter& w) {  // longer than the layers there are, as one converter writes them
    w.set_i32s("gemma4.attention.head_count_kv", std::vector<std::int32_t>(11, 1));
  });
  expect_same_logits(ple.write("long_array.gguf"), target_of("ple"));
}

TEST(TargetConfig, keys_that_have_a_usual_value_may_be_absent) {
  EditedModel model(target_of("dense"));
  for (const char* key : {"rope.freq_base", "rope.freq_base_swa", "attention.shared_kv_layers",
                          "attention.layer_norm_rms_epsilon", "embedding_length_per_layer_input",
                          "attention.value_length", "rope.dimension_count"}) {
    model.drop_key(std::string("gemma4.") + key);
  }
  model.drop_key("general.name");
  const std::string path = model.write("few_keys.gguf");
  expect_same_logits(path, target_of("dense"));
  EXPECT_EQ(checked(load_target(path)).config.name, "unnamed");
}

TEST(TargetConfig, every_key_that_must_be_there_is_asked_for_by_name) {
  for (const char* key :
       {"block_count", "context_length", "embedding_length", "feed_forward_length",
        "attention.head_count", "attention.head_count_kv", "attention.key_length",
        "attention.sliding_window", "attention.sliding_window_pattern", "expert_used_count",
        "expert_feed_forward_length"}) {
    EditedModel model(target_of("moe"));
    model.drop_key(std::string("gemma4.") + key);
    expect_refused(model.write("missing_key.gguf"), {std::string("gemma4.") + key, "missing"});
  }
}

TEST(TargetConfig, values_out_of_range_are_refused_by_key) {
  const std::pair<const char*, std::uint32_t> wrong[] = {
      {"block_count", 0},
      {"block_count", 1000000},
      {"context_length", 0},
      {"embedding_length", 0},
      {"embedding_length", 1u << 31},
      {"feed_forward_length", 0},
      {"feed_forward_length", 0xffffffffu},
      {"attention.head_count", 0},
      {"attention.head_count_kv", 0},
      {"attention.head_count_kv", 3},  // does not divide the query heads
      {"attention.key_length", 0},
      {"attention.key_length", 65},
      {"attention.key_length", 12},  // attention reads eight values at once
      {"attention.key_length", 1u << 20},
      {"attention.key_length_swa", 2},
      {"attention.sliding_window", 0},
      {"attention.sliding_window_pattern", 0},
      {"attention.shared_kv_layers", 6},
      {"attention.shared_kv_layers", 5},  // leaves full layers nobody's keys
      {"expert_used_count", 0},
      {"expert_used_count", 9},
      {"expert_count", 1u << 20},
      {"expert_feed_forward_length", 0},
      {"embedding_length_per_layer_input", 1u << 20}};
  for (const auto& [key, value] : wrong) {
    SCOPED_TRACE(std::string(key) + " = " + std::to_string(value));
    EditedModel model(target_of("moe"));
    model.set_u32(std::string("gemma4.") + key, value);
    expect_refused(model.write("wrong_value.gguf"), {"gemma4."});
  }
}

TEST(TargetConfig, values_of_the_wrong_type_are_refused_by_key) {
  for (const char* key : {"block_count", "attention.head_count", "rope.freq_base",
                          "attention.sliding_window_pattern", "attention.layer_norm_rms_epsilon"}) {
    EditedModel model(target_of("dense"));
    const std::string full = std::string("gemma4.") + key;
    model.set([full](GgufWriter& w) { w.set_string(full, "three"); });
    expect_refused(model.write("wrong_type.gguf"), {full, "expected"});
  }
  for (const float bad : {0.0f, -1.0f, std::nanf("")}) {
    EditedModel model(target_of("dense"));
    model.set([bad](GgufWriter& w) { w.set_f32("gemma4.rope.freq_base", bad); });
    expect_refused(model.write("wrong_base.gguf"), {"gemma4.rope.freq_base", "not positive"});
  }
  EditedModel short_array(target_of("dense"));
  short_array.set([](GgufWriter& w) {
    w.set_i32s("gemma4.attention.head_count_kv", std::vector<std::int32_t>{2, 2, 1});
  });
  expect_refused(short_array.write("short.gguf"), {"gemma4.attention.head_count_kv", "3 values"});
  EditedModel negative(target_of("dense"));
  negative.set([](GgufWriter& w) {
    w.set_i32s("gemma4.attention.head_count_kv", std::vector<std::int32_t>{2, 2, 1, 2, -2, 1});
  });
  expect_refused(negative.write("negative.gguf"), {"gemma4.attention.head_count_kv", "layer 4"});
}

TEST(TargetConfig, other_architectures_are_refused_and_drafters_are_shown_their_place) {
  EditedModel model(target_of("dense"));
  model.set([](GgufWriter& w) { w.set_string("general.architecture", "llama"); });
  expect_refused(model.write("llama.gguf"), {"llama", "gemma4"});
  EditedModel none(target_of("dense"));
  none.drop_key("general.architecture");
  expect_refused(none.write("none.gguf"), {"(none)"});
  expect_refused(golden_case("dense/assistant.gguf"), {"gemma4-assistant", "-md"});
}

TEST(TargetConfig, suppressed_tokens_outside_the_vocabulary_are_ignored) {
  EditedModel model(target_of("dense"));
  model.set([](GgufWriter& w) {
    w.set_i32s("tokenizer.ggml.suppress_tokens",
               std::vector<std::int32_t>{5, -1, 511, 512, 1 << 30});
  });
  const TargetModel loaded = checked(load_target(model.write("suppressed.gguf")));
  EXPECT_EQ(loaded.config.suppressed, (std::vector<std::uint32_t>{5, 511}));
  const ForwardRun run = run_forward(loaded, nullptr);
  for (std::size_t row = 0; row < 40; ++row) {
    EXPECT_EQ(run.logits[row * 512 + 5], -std::numeric_limits<float>::infinity());
    EXPECT_EQ(run.logits[row * 512 + 511], -std::numeric_limits<float>::infinity());
    EXPECT_TRUE(std::isfinite(run.logits[row * 512 + 6]));
  }
}

// Tensors a target may lack; everything else that it loads is asked for by name below.
bool is_optional(const std::string& name) {
  return name.ends_with("layer_output_scale.weight") || name.ends_with("attn_v.weight") ||
         name == "rope_freqs.weight" || name == "output.weight";
}

TEST(TargetWeights, every_tensor_that_must_be_there_is_asked_for_by_name) {
  for (const char* name : {"moe", "ple"}) {
    const EditedModel whole(target_of(name));
    EditedModel names(target_of(name));
    for (const EditedModel::Tensor& tensor : names.tensors()) {
      const bool sample = !tensor.name.starts_with("blk.") || tensor.name.starts_with("blk.2.");
      if (!sample || is_optional(tensor.name)) continue;
      EditedModel model(target_of(name));
      model.drop(tensor.name);
      // Without fused experts, split ones are looked for.
      const bool fused = tensor.name.ends_with("ffn_gate_up_exps.weight");
      expect_refused(model.write("missing_tensor.gguf"),
                     {fused ? "blk.2.ffn_gate_exps.weight" : tensor.name, "missing"});
    }
  }
}

TEST(TargetWeights, every_tensor_of_another_shape_is_refused_with_both_shapes) {
  for (const char* name : {"moe", "ple"}) {
    EditedModel names(target_of(name));
    for (const EditedModel::Tensor& tensor : names.tensors()) {
      if (tensor.name.starts_with("blk.") && !tensor.name.starts_with("blk.2.")) continue;
      EditedModel model(target_of(name));
      EditedModel::Tensor& wrong = model.tensor(tensor.name);
      const std::uint64_t last = wrong.ne.back();  // one more along the last axis
      wrong.bytes.resize(wrong.bytes.size() / last * (last + 1));
      wrong.ne.back() = last + 1;
      const bool vocabulary = tensor.name == "token_embd.weight";
      if (vocabulary && std::string(name) == "moe") continue;  // 513 tokens are as good as 512
      expect_refused(model.write("wrong_shape.gguf"),
                     {vocabulary ? "per_layer_token_embd.weight" : tensor.name, "expected"});
    }
  }
}

TEST(TargetWeights, integers_where_numbers_belong_are_refused) {
  for (const char* name : {"blk.0.attn_q.weight", "output_norm.weight", "token_embd.weight"}) {
    EditedModel model(target_of("dense"));
    model.tensor(name).type = TensorType::kI32;
    expect_refused(model.write("integers.gguf"), {name, "I32"});
  }
}

TEST(TargetWeights, a_stored_output_matrix_is_used_instead_of_the_embedding) {
  EditedModel model(target_of("dense"));
  EditedModel::Tensor output = model.tensor("token_embd.weight");
  output.name = "output.weight";
  model.tensors().push_back(output);
  expect_same_logits(model.write("output.gguf"), target_of("dense"));
  for (std::byte& byte : model.tensor("output.weight").bytes) byte = std::byte{0};
  const ForwardRun zeros = run_files(model.write("zero_output.gguf"));
  EXPECT_EQ(zeros.logits, std::vector<float>(zeros.logits.size(), 0.0f));
}

TEST(TargetWeights, keys_stored_again_as_values_give_what_absent_values_give) {
  EditedModel model(target_of("dense"));  // its full layers have no attn_v
  for (const char* layer : {"blk.2.", "blk.5."}) {
    EditedModel::Tensor values = model.tensor(std::string(layer) + "attn_k.weight");
    values.name = std::string(layer) + "attn_v.weight";
    model.tensors().push_back(values);
  }
  expect_same_logits(model.write("k_as_v.gguf"), target_of("dense"));
}

TEST(TargetWeights, an_absent_layer_scale_is_one) {
  EditedModel ones(target_of("dense")), absent(target_of("dense"));
  for (int layer = 0; layer < 6; ++layer) {
    const std::string name = "blk." + std::to_string(layer) + ".layer_output_scale.weight";
    const float one = 1;
    std::memcpy(ones.tensor(name).bytes.data(), &one, sizeof one);
    absent.drop(name);
  }
  expect_same_logits(absent.write("no_scale.gguf"), ones.write("scale_one.gguf"));
}

TEST(TargetWeights, absent_rope_divisors_turn_the_first_quarter_as_the_stored_ones_do) {
  EditedModel model(target_of("dense"));
  model.drop("rope_freqs.weight");
  expect_same_logits(model.write("no_rope_freqs.gguf"), target_of("dense"));
}

TEST(TargetWeights, keys_and_values_that_shared_layers_bring_along_are_ignored) {
  EditedModel model(target_of("ple"));
  for (const char* stem : {"attn_k.weight", "attn_v.weight", "attn_k_norm.weight"}) {
    EditedModel::Tensor extra = model.tensor(std::string("blk.2.") + stem);
    for (std::byte& byte : extra.bytes) byte = std::byte{0x7f};
    extra.name = std::string("blk.5.") + stem;
    model.tensors().push_back(extra);
  }
  const std::vector<float> more(7, 1.0f);
  model.add_floats("v.patch_embd.weight", {7}, more);  // of a vision tower in the same file
  expect_same_logits(model.write("extras.gguf"), target_of("ple"));
}

// Cuts a fused [width, 2 * ffn, experts] stack into its halves, expert by expert.
void split_experts(EditedModel& model, const std::string& layer) {
  const EditedModel::Tensor fused = model.tensor(layer + "ffn_gate_up_exps.weight");
  EditedModel::Tensor gate = fused, up = fused;
  gate.name = layer + "ffn_gate_exps.weight";
  up.name = layer + "ffn_up_exps.weight";
  gate.ne[1] = up.ne[1] = fused.ne[1] / 2;
  gate.bytes.clear();
  up.bytes.clear();
  const std::size_t half = fused.bytes.size() / fused.ne[2] / 2;
  for (std::size_t part = 0; part < 2 * fused.ne[2]; ++part) {
    auto& into = part % 2 == 0 ? gate.bytes : up.bytes;
    const auto from = fused.bytes.begin() + static_cast<std::ptrdiff_t>(part * half);
    into.insert(into.end(), from, from + static_cast<std::ptrdiff_t>(half));
  }
  model.drop(fused.name);
  model.tensors().push_back(gate);
  model.tensors().push_back(up);
}

TEST(TargetWeights, split_experts_compute_what_fused_ones_do) {
  EditedModel all(target_of("moe")), some(target_of("moe"));
  for (int layer = 0; layer < 6; ++layer) split_experts(all, "blk." + std::to_string(layer) + ".");
  split_experts(some, "blk.3.");
  expect_same_logits(all.write("split.gguf"), target_of("moe"));
  expect_same_logits(some.write("one_split.gguf"), target_of("moe"));
  all.drop("blk.1.ffn_up_exps.weight");
  expect_refused(all.write("half.gguf"), {"blk.1.ffn_up_exps.weight", "missing"});
}

TEST(TargetWeights, a_file_that_does_not_exist_is_named) {
  const auto model = load_target("/nowhere/model.gguf");
  ASSERT_FALSE(model);
  EXPECT_NE(model.error().message.find("/nowhere/model.gguf"), std::string::npos);
}

}  // namespace
}  // namespace outrider
