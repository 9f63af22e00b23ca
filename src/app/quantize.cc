// outrider quantize: the same tensors in smaller types.
#include "app/quantize.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>

#include "app/commands.h"
#include "app/progress.h"
#include "app/quantize_rules.h"
#include "app/quantize_stream.h"
#include "format/gguf.h"
#include "format/gguf_writer.h"
#include "quant/codec.h"

namespace outrider {
namespace {

Error bad_request(std::string message) {
  return {ErrorCode::kBadRequest, std::move(message)};
}

std::span<const std::uint64_t> extents(const GgufTensor& tensor) {
  return {tensor.ne.data(), tensor.dims};
}

RuleTensor rule_tensor(const GgufTensor& tensor) {
  return {tensor.name, extents(tensor), tensor.type};
}

// One new type for each tensor of the file.
Result<std::vector<TensorType>> plan(const GgufFile& file, QuantRules& rules,
                                     bool allow_requantize) {
  std::vector<TensorType> types;
  for (const GgufTensor& tensor : file.tensors()) {
    const TensorType type = rules.type_of(rule_tensor(tensor));
    if (type != tensor.type && is_quantized(tensor.type) && !allow_requantize) {
      return bad_request(
          fmt::format("{}: tensor {} is {} already, and {} made from it would be "
                      "worse than from the original; --allow-requantize does it",
                      file.path(), tensor.name, info(tensor.type).name, info(type).name));
    }
    types.push_back(type);
  }
  return types;
}

Result<void> write_tensor(TensorStream& stream, const GgufTensor& tensor, TensorType type) {
  if (type == tensor.type) return stream.write_bytes(std::string(tensor.name), tensor.bytes);
  const RowShape shape = {std::string(tensor.name), type, tensor.ne[0], rows_of(extents(tensor))};
  const std::uint64_t stride = row_bytes(tensor.type, tensor.ne[0]);
  return stream.write_values(shape, [&](std::uint64_t row, std::span<float> values) {
    decode_row(tensor.type, tensor.bytes.subspan(row * stride, stride), values);
  });
}

Result<void> check_output(const QuantizeOptions& options) {
  std::error_code ignored;  // an output that does not exist yet is not the input
  if (!std::filesystem::equivalent(options.input, options.output, ignored)) return {};
  return bad_request(fmt::format("{} would be written over while it is read", options.input));
}

Result<QuantRules> rules_for(const QuantizeOptions& options, const GgufFile& file) {
  const auto mix = quant_mix_from_name(options.type);
  if (!mix) return mix.error();
  std::vector<std::string_view> names;
  for (const GgufTensor& tensor : file.tensors()) names.push_back(tensor.name);
  QuantRules rules(*mix, names);
  if (options.token_embedding.empty()) return rules;
  const auto type = tensor_type_from_name(options.token_embedding);
  if (!type || !can_encode(type->type)) {
    return bad_request(fmt::format("--token-embedding-type \"{}\" is no type that can be written",
                                   options.token_embedding));
  }
  rules.set_token_embedding(type->type);
  return rules;
}

Result<void> write_file(const QuantizeOptions& options, const GgufFile& file,
                        std::uint32_t file_type, std::span<const TensorType> types) {
  auto writer = GgufWriter::create(options.output);
  if (!writer) return writer.error();
  writer->copy_metadata(file);
  writer->set_u32("general.file_type", file_type);
  writer->set_u32("general.quantization_version", 2);
  std::uint64_t total_bytes = 0;
  for (std::size_t i = 0; i < types.size(); ++i) {
    const GgufTensor& tensor = file.tensors()[i];
    writer->declare_like(tensor, types[i]);
    total_bytes += row_bytes(types[i], tensor.ne[0]) * rows_of(extents(tensor));
  }
  ThreadPool pool(options.threads == 0 ? usable_cores() : options.threads);
  Progress progress("quantizing", total_bytes, options.quiet);
  TensorStream stream(*writer, pool, progress);
  for (std::size_t i = 0; i < types.size(); ++i) {
    const GgufTensor& tensor = file.tensors()[i];
    file.expect_sequential(tensor.bytes);
    if (const auto written = write_tensor(stream, tensor, types[i]); !written) return written;
  }
  return writer->finish();
}

}  // namespace

Result<QuantizeSummary> quantize_file(const QuantizeOptions& options) {
  if (const auto checked = check_output(options); !checked) return checked.error();
  const auto file = GgufFile::open(options.input);
  if (!file) return file.error();
  auto rules = rules_for(options, *file);
  if (!rules) return rules.error();
  const auto types = plan(*file, *rules, options.allow_requantize);
  if (!types) return types.error();
  const std::uint32_t file_type = quant_mix_from_name(options.type)->file_type;
  if (const auto written = write_file(options, *file, file_type, *types); !written) {
    return written.error();
  }
  QuantizeSummary summary;
  summary.bytes_before = file->file_bytes();
  std::error_code ignored;
  summary.bytes_after = std::filesystem::file_size(options.output, ignored);
  for (const TensorType type : *types) ++summary.tensors[type];
  summary.fallbacks = rules->fallbacks();
  return summary;
}

std::string describe(const QuantizeSummary& summary) {
  std::string text = fmt::format("{} -> {}\n", human_bytes(summary.bytes_before),
                                 human_bytes(summary.bytes_after));
  for (const auto& [type, count] : summary.tensors) {
    text += fmt::format("{:5} tensors {}\n", count, info(type).name);
  }
  for (const auto& [change, count] : summary.fallbacks) {
    text +=
        fmt::format("{} for {} tensors whose width is no multiple of the block\n", change, count);
  }
  return text;
}

Command add_quantize(CLI::App& app) {
  const auto options = std::make_shared<QuantizeOptions>();
  app.add_option("input", options->input, "GGUF file; any part of a split one")->required();
  app.add_option("output", options->output, "GGUF file to write")->required();
  app.add_option("type", options->type, "F16, BF16, Q8_0, Q4_0, Q5_0, Q5_1, Q4_K_M, Q5_K_M or Q6_K")
      ->required();
  app.add_option("--token-embedding-type", options->token_embedding,
                 "Type of the token embeddings; else Q6_K, or the file's own for Q8_0 and F16");
  app.add_option("-t,--threads", options->threads, "Threads, 0: one per core");
  app.add_flag("--allow-requantize", options->allow_requantize,
               "Accept tensors that were quantised before, and lose more");
  app.add_flag("--quiet", options->quiet, "Say nothing while working");
  return [options]() -> Result<int> {
    const auto summary = quantize_file(*options);
    if (!summary) return summary.error();
    if (!options->quiet) fmt::print("{}", describe(*summary));
    return 0;
  };
}

}  // namespace outrider
