// outrider verify: a model against the outputs of the official implementation.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <boost/json.hpp>
#include <filesystem>

#include "app/commands.h"
#include "app/golden.h"
#include "app/model_options.h"

namespace outrider {
namespace {

struct VerifyOptions {
  std::string folder;
  std::string target, drafter, reference;
  std::string kv_type = "f32";
  std::uint32_t threads = 0;
  std::string gpu_layers = "auto";
  std::uint32_t chunk = 48;
  double tolerance = 1e-4;
  bool integer_activations = false;
  bool json = false;
};

void print_json(const GoldenReport& r, const VerifyOptions& o, bool passed) {
  const boost::json::object report = {
      {"passed", passed},
      {"tolerance", o.tolerance},
      {"relative_error",
       {{"logits", r.logits},
        {"hidden", r.hidden},
        {"kv_full_k", r.keys[0]},
        {"kv_full_v", r.values[0]},
        {"kv_sliding_k", r.keys[1]},
        {"kv_sliding_v", r.values[1]},
        {"draft_logits", r.draft_logits},
        {"draft_hidden", r.draft_hidden},
        {"chained_draft_logits", r.chained_logits},
        {"chained_draft_hidden", r.chained_hidden}}},
      {"greedy", {{"matches", r.greedy_matches}, {"expected", r.greedy_expected}}},
      {"draft", {{"matches", r.draft_matches}, {"expected", r.draft_expected}}}};
  fmt::print("{}\n", boost::json::serialize(report));
}

void print_table(const GoldenReport& r, const VerifyOptions& o, bool passed) {
  const auto line = [&](const char* what, double error) {
    fmt::print("  {:<24} {:>10.2e}{}\n", what, error,
               error <= o.tolerance ? "" : "   past the tolerance");
  };
  fmt::print("relative error (tolerance {:g}):\n", o.tolerance);
  line("logits", r.logits);
  line("hidden rows", r.hidden);
  line("keys, full", r.keys[0]);
  line("values, full", r.values[0]);
  line("keys, sliding", r.keys[1]);
  line("values, sliding", r.values[1]);
  if (r.draft_expected > 0) {
    line("draft logits", r.draft_logits);
    line("draft hidden rows", r.draft_hidden);
    fmt::print("  {:<24} {:>10.2e}   chained from our own rows; only its tokens are judged\n",
               "draft logits, chained", r.chained_logits);
  }
  fmt::print("greedy tokens equal: {} of {}\n", r.greedy_matches, r.greedy_expected);
  if (r.draft_expected > 0)
    fmt::print("draft tokens equal: {} of {}\n", r.draft_matches, r.draft_expected);
  fmt::print("{}\n", passed ? "passed" : "FAILED");
}

std::string or_in_folder(const std::string& given, const VerifyOptions& o, const char* name) {
  if (!given.empty()) return given;
  const auto path = std::filesystem::path(o.folder) / name;
  return path.string();
}

Result<int> verify(const VerifyOptions& o) {
  auto golden = Golden::read(or_in_folder(o.reference, o, "golden.safetensors"));
  if (!golden) return golden.error();
  ModelOptions model;
  model.target = or_in_folder(o.target, o, "target.gguf");
  model.drafter = or_in_folder(o.drafter, o, "assistant.gguf");
  if (o.drafter.empty() && !std::filesystem::exists(model.drafter)) model.no_drafter = true;
  model.key_type = o.kv_type;
  model.threads = o.threads;
  model.gpu_layers = o.gpu_layers;
  model.float_activations = !o.integer_activations;
  model.context =
      static_cast<std::uint32_t>(golden->input_ids.size() + golden->greedy_ids.size()) + 1;
  auto runtime =
      load_runtime(model, {.sequences = 2, .chunk_rows = o.chunk, .logit_rows = o.chunk});
  if (!runtime) return runtime.error();
  auto report = compare(**runtime, *golden, o.chunk);
  if (!report) return report.error();
  const bool passed = report->largest() <= o.tolerance && report->tokens_match();  // NaN fails too
  o.json ? print_json(*report, o, passed) : print_table(*report, o, passed);
  return passed ? 0 : 1;
}

}  // namespace

Command add_verify(CLI::App& app) {
  auto o = std::make_shared<VerifyOptions>();
  app.add_option("DIR", o->folder, "Folder with target.gguf, assistant.gguf and golden.safetensors")
      ->required();
  app.add_option("--target", o->target, "GGUF file to check instead of DIR/target.gguf");
  app.add_option("--assistant", o->drafter, "GGUF file to check instead of DIR/assistant.gguf");
  app.add_option("--reference", o->reference,
                 "Reference to compare with instead of DIR/golden.safetensors");
  app.add_option("--kv-type", o->kv_type, "Type of stored keys and values: f32 or f16")
      ->capture_default_str();
  app.add_flag("--int8", o->integer_activations,
               "Round activations to eight bits, as generating does");
  app.add_option("-t,--threads", o->threads, "CPU threads (default: all cores)")
      ->check(CLI::Range(1u, 1024u));
  add_gpu_option(app, o->gpu_layers);
  app.add_option("--chunk", o->chunk, "Rows of the prompt in one launch")
      ->check(CLI::Range(1u, 512u))
      ->capture_default_str();
  app.add_option("--tolerance", o->tolerance, "Largest relative error that passes")
      ->capture_default_str();
  app.add_flag("--json", o->json, "Print one JSON object");
  return [o] { return verify(*o); };
}

}  // namespace outrider
