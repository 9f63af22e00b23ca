// Drafter files: every dialect drafts alike, and what does not fit is refused.
#include <gtest/gtest.h>

#include <cmath>

#include "model/forward_test_run.h"

namespace outrider {
namespace {

constexpr const char* kUpstream = "gemma4-assistant";

std::string ple_target() {
  return golden_case("ple/target.gguf");
}

EditedModel upstream() {
  return assistant_with_centroids("ple");
}

void rename(EditedModel& model, std::string_view from, std::string to) {
  model.tensor(from).name = std::move(to);
}

// The dialect of the first fork.
EditedModel old_fork() {
  EditedModel model = upstream();
  model.rename_architecture(kUpstream, "gemma4_assistant");
  model.rename_key("gemma4-assistant.embedding_length_out", "gemma4_assistant.n_embd_backbone");
  model.set_u32("gemma4_assistant.centroid_top_k", kCentroidTop);
  model.set_u32("gemma4_assistant.n_centroids", 32);
  model.drop_key("gemma4-assistant.nextn_predict_layers");
  rename(model, "nextn.pre_projection.weight", "mtp.pre_projection.weight");
  rename(model, "nextn.post_projection.weight", "mtp.post_projection.weight");
  rename(model, "masked_embd_centroids.weight", "mtp.centroids.weight");
  rename(model, "masked_embd_ordering", "mtp.token_ordering.weight");
  return model;
}

// For each token its cluster, from the clusters' tokens.
std::vector<std::int32_t> inverted(const CentroidTensors& head) {
  std::vector<std::int32_t> cluster_of(head.ordering.size());
  const std::size_t size = head.ordering.size() / head.clusters;
  for (std::size_t at = 0; at < head.ordering.size(); ++at) {
    cluster_of[static_cast<std::size_t>(head.ordering[at])] = static_cast<std::int32_t>(at / size);
  }
  return cluster_of;
}

// The other fork's, whose ordering says the same the other way round.
EditedModel ik() {
  EditedModel model = upstream();
  model.rename_architecture(kUpstream, "gemma4_mtp");
  model.rename_key("gemma4-assistant.embedding_length_out", "gemma4_mtp.backbone_embedding_length");
  model.set_u32("gemma4_mtp.centroid_top_k", kCentroidTop);
  model.set_u32("gemma4_mtp.centroid_count", 32);
  rename(model, "nextn.pre_projection.weight", "mtp_pre_proj.weight");
  rename(model, "nextn.post_projection.weight", "mtp_post_proj.weight");
  rename(model, "masked_embd_centroids.weight", "mtp_centroids.weight");
  model.drop("masked_embd_ordering");
  model.add_ids("mtp_token_ordering.weight",
                inverted(read_centroids(golden_case("ple/assistant"))));
  return model;
}

std::vector<float> drafted(const std::string& path) {
  return run_files(ple_target(), path).draft_logits;
}

void expect_refused(const std::string& path, const std::string& target,
                    std::initializer_list<std::string_view> words) {
  const TargetModel model = checked(load_target(target));
  const auto drafter = load_drafter(path, model);
  ASSERT_FALSE(drafter) << "was loaded, expected words like " << *words.begin();
  EXPECT_EQ(drafter.error().code, ErrorCode::kBadModelFile);
  EXPECT_NE(drafter.error().message.find(path), std::string::npos) << drafter.error().message;
  for (const std::string_view word : words) {
    EXPECT_NE(drafter.error().message.find(word), std::string::npos) << drafter.error().message;
  }
}

TEST(Drafter, the_cases_assistants_have_the_numbers_they_were_made_with) {
  for (const std::string name : {"dense", "ple", "moe"}) {
    const TargetModel target = checked(load_target(golden_case(name + "/target.gguf")));
    const DrafterModel drafter =
        checked(load_drafter(golden_case(name + "/assistant.gguf"), target));
    const DrafterConfig& c = drafter.config;
    EXPECT_EQ(c.width, 32u);
    EXPECT_EQ(c.target_width, 64u);
    EXPECT_EQ(c.vocab, 512u);
    EXPECT_EQ(c.window, 16u);
    ASSERT_EQ(c.layers.size(), 4u);
    for (std::uint32_t i = 0; i < 4; ++i) {
      EXPECT_EQ(c.layers[i].sliding, i < 3) << i;
      EXPECT_FALSE(c.layers[i].owns_kv) << i;
      EXPECT_EQ(c.layers[i].head_dim, i < 3 ? 32u : 64u) << i;
      // The target's last sliding and last full layer that own keys and values.
      const std::uint32_t last_full = name == "ple" ? 3 : 5;
      EXPECT_EQ(c.layers[i].kv_layer, i < 3 ? last_full - 1 : last_full) << name << i;
    }
    EXPECT_FALSE(drafter.weights.centroids) << "the converter dropped it";
  }
}

TEST(Drafter, the_centroid_head_scores_the_tokens_of_its_best_clusters_only) {
  const auto logits = drafted(upstream().write("upstream.gguf"));
  ASSERT_EQ(logits.size(), 3 * 512u);
  for (std::size_t step = 0; step < 3; ++step) {
    std::size_t scored = 0;
    for (std::size_t token = 0; token < 512; ++token)
      scored += std::isfinite(logits[step * 512 + token]) ? 1 : 0;
    EXPECT_EQ(scored, kCentroidTop * 512u / 32);
  }
}

TEST(Drafter, a_centroid_head_that_takes_all_clusters_is_the_dense_head) {
  EditedModel all = upstream();
  all.set_u32("gemma4-assistant.centroid_top_k", 32);
  EXPECT_EQ(drafted(all.write("all_clusters.gguf")), drafted(golden_case("ple/assistant.gguf")));
}

TEST(Drafter, all_dialects_draft_the_same_bits) {
  const auto want = drafted(upstream().write("upstream.gguf"));
  EXPECT_EQ(drafted(old_fork().write("old_fork.gguf")), want);
  EXPECT_EQ(drafted(ik().write("ik.gguf")), want);
  EditedModel suffixed = upstream();
  rename(suffixed, "masked_embd_ordering", "masked_embd_ordering.weight");
  EXPECT_EQ(drafted(suffixed.write("suffixed.gguf")), want);
}

TEST(Drafter, dialects_without_a_centroid_head_draft_the_same_bits) {
  const auto want = drafted(golden_case("ple/assistant.gguf"));
  EditedModel fork = old_fork(), other = ik();
  for (const char* name : {"mtp.centroids.weight", "mtp.token_ordering.weight"}) fork.drop(name);
  for (const char* name : {"mtp_centroids.weight", "mtp_token_ordering.weight"}) other.drop(name);
  EXPECT_EQ(drafted(fork.write("old_fork_dense.gguf")), want);
  EXPECT_EQ(drafted(other.write("ik_dense.gguf")), want);
}

TEST(Drafter, an_extra_ordering_of_another_dialect_does_not_change_what_the_first_means) {
  EditedModel both = upstream();
  both.add_ids("mtp_token_ordering.weight", inverted(read_centroids(golden_case("ple/assistant"))));
  EXPECT_EQ(drafted(both.write("both.gguf")), drafted(upstream().write("upstream.gguf")));
}

TEST(Drafter, an_absent_layer_scale_and_absent_rope_divisors_are_the_usual_ones) {
  EditedModel ones = upstream(), absent = upstream();
  for (int layer = 0; layer < 4; ++layer) {
    const std::string name = "blk." + std::to_string(layer) + ".layer_output_scale.weight";
    const float one = 1;
    std::memcpy(ones.tensor(name).bytes.data(), &one, sizeof one);
    absent.drop(name);
  }
  absent.drop("rope_freqs.weight");
  EXPECT_EQ(drafted(absent.write("absent.gguf")), drafted(ones.write("ones.gguf")));
}

TEST(Drafter, tokens_suppressed_by_the_target_are_never_drafted) {
  EditedModel target(ple_target());
  target.set([](GgufWriter& w) {
    w.set_i32s("tokenizer.ggml.suppress_tokens", std::vector<std::int32_t>{3, 100});
  });
  const auto logits =
      run_files(target.write("target.gguf"), golden_case("ple/assistant.gguf")).draft_logits;
  for (std::size_t step = 0; step < 3; ++step) {
    EXPECT_EQ(logits[step * 512 + 3], -std::numeric_limits<float>::infinity());
    EXPECT_EQ(logits[step * 512 + 100], -std::numeric_limits<float>::infinity());
    EXPECT_TRUE(std::isfinite(logits[step * 512 + 4]));
  }
}

TEST(Drafter, every_tensor_that_must_be_there_is_asked_for_by_name) {
  EditedModel names = upstream();
  for (const EditedModel::Tensor& tensor : names.tensors()) {
    const bool sample = !tensor.name.starts_with("blk.") || tensor.name.starts_with("blk.3.");
    if (!sample || tensor.name == "rope_freqs.weight" ||
        tensor.name.ends_with("layer_output_scale.weight") ||
        tensor.name == "masked_embd_centroids.weight") {
      continue;
    }
    EditedModel model = upstream();
    model.drop(tensor.name);
    expect_refused(model.write("missing.gguf"), ple_target(), {tensor.name, "missing"});
  }
}

TEST(Drafter, every_tensor_of_another_shape_is_refused_by_name) {
  EditedModel names = upstream();
  for (const EditedModel::Tensor& tensor : names.tensors()) {
    if (tensor.name.starts_with("blk.") && !tensor.name.starts_with("blk.3.")) continue;
    EditedModel model = upstream();
    EditedModel::Tensor& wrong = model.tensor(tensor.name);
    const std::uint64_t last = wrong.ne.back();
    wrong.bytes.resize(wrong.bytes.size() / last * (last + 1));
    wrong.ne.back() = last + 1;
    const char* word = tensor.name == "token_embd.weight" ? "vocabulary" : tensor.name.c_str();
    expect_refused(model.write("wrong_shape.gguf"), ple_target(), {word});
  }
}

TEST(Drafter, clusters_that_do_not_share_out_the_vocabulary_are_refused) {
  CentroidTensors head = read_centroids(golden_case("ple/assistant"));
  const auto with_ordering = [&](const char* name, std::vector<std::int32_t> ids) {
    EditedModel model = name == std::string("masked_embd_ordering") ? upstream() : ik();
    model.drop(name);
    model.add_ids(name, ids);
    return model.write("ordering.gguf");
  };
  auto twice = head.ordering;
  twice[5] = twice[6];
  expect_refused(with_ordering("masked_embd_ordering", twice), ple_target(), {"exactly once"});
  auto outside = head.ordering;
  outside[5] = 512;
  expect_refused(with_ordering("masked_embd_ordering", outside), ple_target(), {"holds 512"});
  outside[5] = -1;
  expect_refused(with_ordering("masked_embd_ordering", outside), ple_target(), {"holds -1"});
  auto uneven = inverted(head);
  uneven[9] = (uneven[9] + 1) % 32;
  expect_refused(with_ordering("mtp_token_ordering.weight", uneven), ple_target(), {"evenly"});
  uneven[9] = 32;
  expect_refused(with_ordering("mtp_token_ordering.weight", uneven), ple_target(), {"holds 32"});
  EditedModel few = upstream();
  few.set_u32("gemma4-assistant.centroid_top_k", 33);
  expect_refused(few.write("few.gguf"), ple_target(), {"masked_embd_centroids.weight", "33"});
}

TEST(Drafter, the_target_width_is_asked_for_in_every_dialect) {
  EditedModel model = upstream();
  model.drop_key("gemma4-assistant.embedding_length_out");
  expect_refused(model.write("no_width.gguf"), ple_target(), {"embedding_length_out", "missing"});
  EditedModel fork = old_fork();
  fork.set_u32("gemma4_assistant.n_embd_backbone", 0);
  expect_refused(fork.write("zero_width.gguf"), ple_target(), {"n_embd_backbone"});
}

TEST(Drafter, a_target_is_no_drafter) {
  expect_refused(golden_case("dense/target.gguf"), ple_target(), {"gemma4", "gemma4-assistant"});
}

// Both files are named, and what differs.
void expect_mismatch(EditedModel drafter, const std::string& target, std::string_view what) {
  const std::string path = drafter.write("mismatched.gguf");
  expect_refused(path, target, {target, what});
}

TEST(Drafter, a_pair_that_does_not_match_is_refused_with_both_names) {
  EditedModel wide(golden_case("ple/assistant.gguf"));
  wide.set_u32("gemma4-assistant.embedding_length_out", 128);
  expect_mismatch(std::move(wide), ple_target(), "hidden size");

  EditedModel window(golden_case("ple/assistant.gguf"));
  window.set_u32("gemma4-assistant.attention.sliding_window", 32);
  expect_mismatch(std::move(window), ple_target(), "sliding window");

  EditedModel words(golden_case("ple/assistant.gguf"));
  EditedModel::Tensor& table = words.tensor("token_embd.weight");
  table.ne[1] = 511;
  table.bytes.resize(511 * 32 * sizeof(float));
  expect_mismatch(std::move(words), ple_target(), "vocabulary");

  EditedModel heads(golden_case("ple/assistant.gguf"));
  heads.set_u32("gemma4-assistant.attention.key_length_swa", 64);
  expect_mismatch(std::move(heads), ple_target(), "sliding head size");

  EditedModel full(golden_case("ple/assistant.gguf"));
  full.set_u32("gemma4-assistant.attention.key_length", 32);
  expect_mismatch(std::move(full), ple_target(), "full head size");

  EditedModel kv(golden_case("ple/assistant.gguf"));
  kv.set_u32("gemma4-assistant.attention.head_count_kv", 2);
  expect_mismatch(std::move(kv), ple_target(), "KV head");
}

TEST(Drafter, a_layer_of_a_kind_the_target_lacks_is_refused) {
  EditedModel target(golden_case("dense/target.gguf"));
  target.set_u32("gemma4.attention.sliding_window_pattern", 1);  // all full, whatever the shapes
  const EditedModel drafter(golden_case("dense/assistant.gguf"));
  auto file = checked(GgufFile::open(target.write("all_full.gguf")));
  const TargetConfig config = checked(read_target_config(file));
  auto drafter_file = checked(GgufFile::open(golden_case("dense/assistant.gguf")));
  DrafterConfig drafter_config = checked(read_drafter_config(drafter_file));
  const auto matched = match(drafter_config, config, "DRAFTER", "TARGET");
  ASSERT_FALSE(matched);
  EXPECT_NE(matched.error().message.find("DRAFTER cannot draft for TARGET"), std::string::npos);
  EXPECT_NE(matched.error().message.find("sliding"), std::string::npos);
}

}  // namespace
}  // namespace outrider
