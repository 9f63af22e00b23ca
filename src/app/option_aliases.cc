#include "app/option_aliases.h"

#include <algorithm>
#include <string_view>

namespace outrider {
namespace {

struct Alias {
  std::string_view short_name;
  const char* long_name;
};
constexpr Alias kAliases[] = {
    {"-md", "--model-draft"},
    {"-ctk", "--cache-type-k"},
    {"-ctv", "--cache-type-v"},
    {"-ngl", "--gpu-layers"},
    {"-np", "--parallel"},
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
      if (word != alias.short_name) continue;
      word = alias.long_name;
      break;
    }
  }
  std::reverse(arguments.begin(), arguments.end());
  return arguments;
}

}  // namespace outrider
