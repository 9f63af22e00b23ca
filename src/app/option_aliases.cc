#include "app/option_aliases.h"

#include <algorithm>
#include <string_view>

namespace outrider {
namespace {

struct Alias {
  std::string_view given;
  const char* known;
};
constexpr Alias kAliases[] = {
    {"-md", "--model-draft"},
    {"-ctk", "--cache-type-k"},
    {"-ctv", "--cache-type-v"},
    {"-ngl", "--gpu-layers"},
    {"-np", "--parallel"},
    {"-rea", "--reasoning"},
    // Other long names of options; behind these, a value may follow after a "=".
    {"--n-gpu-layers", "--gpu-layers"},
    {"--spec-draft-model", "--model-draft"},
    {"--temperature", "--temp"},
    {"--typical-p", "--typical"},
    {"--verbosity", "--log-verbosity"},
    {"--log-jsonl", "--log-json"},
    {"--spec-synth-rates", "--synthetic-acceptance"},
    {"-cb", "--cont-batching"},
    {"-nocb", "--no-cont-batching"},
    {"-fa", "--flash-attn"},
    {"-ub", "--ubatch-size"},
    {"-tb", "--threads-batch"},
    {"-td", "--threads-draft"},
    {"-tbd", "--threads-batch-draft"},
    {"-cd", "--ctx-size-draft"},
    {"-ngld", "--gpu-layers-draft"},
    {"-ctkd", "--cache-type-k-draft"},
    {"-ctvd", "--cache-type-v-draft"},
    {"-to", "--timeout"},
    {"-lv", "--log-verbosity"},
    {"-kvu", "--kv-unified"},
    {"-no-kvu", "--no-kv-unified"},
    {"-kvo", "--kv-offload"},
    {"-nkvo", "--no-kv-offload"},
    {"-nr", "--no-repack"},
    {"-dio", "--direct-io"},
    {"-ndio", "--no-direct-io"},
    {"-dt", "--defrag-thold"},
    {"-sps", "--slot-prompt-similarity"},
    {"-cram", "--cache-ram"},
    {"-ctxcp", "--ctx-checkpoints"},
    {"-cmoe", "--cpu-moe"},
    {"-cmoed", "--cpu-moe-draft"},
    {"-ncmoe", "--n-cpu-moe"},
    {"-ncmoed", "--n-cpu-moe-draft"},
    {"-dev", "--device"},
    {"-devd", "--device-draft"},
    {"-sm", "--split-mode"},
    {"-ts", "--tensor-split"},
    {"-mg", "--main-gpu"},
    {"-ot", "--override-tensor"},
    {"-otd", "--override-tensor-draft"},
    {"-Cr", "--cpu-range"},
    {"-Cb", "--cpu-mask-batch"},
    {"-Crb", "--cpu-range-batch"},
    {"-Cd", "--cpu-mask-draft"},
    {"-Crd", "--cpu-range-draft"},
    {"-Cbd", "--cpu-mask-batch-draft"},
    {"-lm", "--load-mode"},
    {"-lzm", "--lazy-mode"},
    {"-fit", "--fit"},
    {"-fitt", "--fit-target"},
    {"-fitc", "--fit-ctx"},
    {"-ncffn", "--n-cpu-ffn"},
    {"-cms", "--checkpoint-min-step"},
    {"-mmdev", "--mmproj-device"},
    {"-hft", "--hf-token"},
    {"-hfrd", "--hf-repo-draft"},
    {"-cl", "--cache-list"},
    {"-ag", "--agent"},
    {"-no-ag", "--no-agent"},
    {"-mm", "--mmproj"},
    {"-mmu", "--mmproj-url"},
    {"-mu", "--model-url"},
    {"-hf", "--hf-repo"},
    {"-hfr", "--hf-repo"},
    {"-hff", "--hf-file"},
    {"-hfd", "--hf-repo-draft"},
    {"-dr", "--docker-repo"},
    {"-jf", "--json-schema-file"},
    {"-sp", "--special"},
    {"-gan", "--grp-attn-n"},
    {"-gaw", "--grp-attn-w"},
    {"-mv", "--model-vocoder"},
    {"-lcs", "--lookup-cache-static"},
    {"-lcd", "--lookup-cache-dynamic"},
    {"-bs", "--backend-sampling"},
};

}  // namespace

std::vector<std::string> parser_words(std::vector<std::string> arguments) {
  for (std::string& word : arguments) {
    for (const Alias& alias : kAliases) {
      const std::string_view name = std::string_view(word).substr(0, word.find('='));
      if (name != alias.given) continue;
      word.replace(0, alias.given.size(), alias.known);
      break;
    }
  }
  std::reverse(arguments.begin(), arguments.end());
  return arguments;
}

}  // namespace outrider
