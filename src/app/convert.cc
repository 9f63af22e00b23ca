// outrider convert: a Hugging Face folder becomes one GGUF file.
#include "app/convert.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <memory>
#include <set>

#include "app/commands.h"
#include "app/convert_config.h"
#include "app/convert_folder.h"
#include "app/convert_names.h"
#include "app/progress.h"
#include "app/quantize_rules.h"
#include "app/quantize_stream.h"
#include "format/safetensors.h"
#include "model/weights.h"

namespace outrider {
namespace {

namespace fs = std::filesystem;

struct PlannedTensor {
  std::string name;
  TensorType type;
  std::vector<std::uint64_t> ne;
  const SafetensorsTensor* source;  // null: the divisors of full layers' rotations
};

Error bad_folder(const std::string& folder, const std::string& what) {
  return {ErrorCode::kBadModelFile, fmt::format("{}: {}", folder, what)};
}

// What converts to floats, and the one list of ids.
Result<TensorType> stored_type(const SafetensorsTensor& tensor, const std::string& name,
                               const std::string& folder) {
  const bool is_ids = name == "masked_embd_ordering";
  const bool is_gain = tensor.shape.size() <= 1 || name.ends_with("ffn_gate_inp.weight");
  switch (tensor.type) {
    case SafetensorsType::kF32:
      if (!is_ids) return TensorType::kF32;
      break;
    case SafetensorsType::kF16:
      if (!is_ids) return is_gain ? TensorType::kF32 : TensorType::kF16;
      break;
    case SafetensorsType::kBF16:
      if (!is_ids) return is_gain ? TensorType::kF32 : TensorType::kBF16;
      break;
    case SafetensorsType::kI32:
    case SafetensorsType::kI64:
      if (is_ids) return TensorType::kI32;
      break;
    default:
      break;
  }
  return bad_folder(folder, fmt::format("tensor {} is {}, which cannot be converted", tensor.name,
                                        safetensors_type_name(tensor.type)));
}

std::vector<std::uint64_t> extents_of(const SafetensorsTensor& tensor) {
  std::vector<std::uint64_t> ne(tensor.shape.rbegin(), tensor.shape.rend());
  if (ne.empty()) ne.push_back(1);
  return ne;
}

// One conversion, from an opened folder to a written file.
class Converter {
 public:
  Converter(const ConvertOptions& options, const HfConfig& config, const SafetensorsFile& tensors)
      : options_(options), config_(config), source_(tensors) {}

  Result<ConvertSummary> run(const HfTexts& texts) {
    if (const auto planned = plan_tensors(); !planned) return planned.error();
    if (const auto typed = choose_types(); !typed) return typed.error();
    if (const auto written = write(texts); !written) return written.error();
    summary_.tensors = static_cast<std::uint32_t>(plan_.size());
    return summary_;
  }

 private:
  Result<void> plan_tensors() {
    const std::uint32_t pairs = config_.shape.head_dim / 2;
    plan_.push_back({"rope_freqs.weight", TensorType::kF32, {pairs}, nullptr});
    std::set<std::string> names;
    for (const SafetensorsTensor& tensor : source_.tensors()) {
      if (is_left_out(tensor.name)) {
        ++summary_.left_out;
        continue;
      }
      const auto name = gguf_tensor_name(tensor.name);
      if (!name) {
        return bad_folder(options_.folder,
                          fmt::format("tensor {} has no place in Gemma 4", tensor.name));
      }
      if (name->starts_with("masked_embd") && !config_.shape.centroids) continue;
      if (*name == "output.weight" && config_.tied) continue;
      if (const auto added = add(*name, tensor, names); !added) return added;
    }
    return {};
  }

  Result<void> add(const std::string& name, const SafetensorsTensor& tensor,
                   std::set<std::string>& names) {
    const auto type = stored_type(tensor, name, options_.folder);
    if (!type) return type.error();
    if (!names.insert(name).second) {
      return bad_folder(options_.folder, fmt::format("two tensors would become {}", name));
    }
    if (tensor.bytes.empty() || tensor.shape.size() > 4) {
      return bad_folder(options_.folder,
                        fmt::format("tensor {} is empty or has too many axes", tensor.name));
    }
    plan_.push_back({name, *type, extents_of(tensor), &tensor});
    return {};
  }

  Result<void> choose_types() {
    if (options_.type.empty()) return {};
    const auto mix = quant_mix_from_name(options_.type);
    if (!mix) return mix.error();
    std::vector<std::string_view> names;
    for (const PlannedTensor& tensor : plan_) names.push_back(tensor.name);
    QuantRules rules(*mix, names);
    for (PlannedTensor& tensor : plan_) {
      tensor.type = rules.type_of({tensor.name, tensor.ne, tensor.type});
    }
    summary_.fallbacks = rules.fallbacks();
    file_type_ = mix->file_type;
    return {};
  }

  // As stored: the type of the token embedding stands for the whole.
  std::uint32_t file_type() const {
    if (file_type_) return *file_type_;
    for (const PlannedTensor& tensor : plan_) {
      if (tensor.name != "token_embd.weight") continue;
      const auto mix = quant_mix_from_name(info(tensor.type).name);
      return mix ? mix->file_type : 0;
    }
    return 0;
  }

  void set_keys(GgufWriter& writer, const HfTexts& texts) const {
    set_metadata(writer, shape_metadata(config_.shape));
    writer.set_u32("general.file_type", file_type());
    writer.set_u32("general.quantization_version", 2);
    set_metadata(writer, texts.sampling);
    set_tokenizer(writer, texts.vocabulary);
    if (!texts.suppressed.empty()) {
      writer.set_i32s("tokenizer.ggml.suppress_tokens", texts.suppressed);
    }
    if (!texts.chat_template.empty()) {
      writer.set_string("tokenizer.chat_template", texts.chat_template);
    }
  }

  Result<void> write(const HfTexts& texts) {
    auto writer = GgufWriter::create(options_.output);
    if (!writer) return writer.error();
    set_keys(*writer, texts);
    for (const PlannedTensor& tensor : plan_) {
      writer->declare_tensor(tensor.name, tensor.type, tensor.ne);
      summary_.bytes += row_bytes(tensor.type, tensor.ne[0]) * rows_of(tensor.ne);
    }
    ThreadPool pool(options_.threads == 0 ? usable_cores() : options_.threads);
    Progress progress("converting", summary_.bytes, options_.quiet);
    TensorStream stream(*writer, pool, progress);
    for (const PlannedTensor& tensor : plan_) {
      if (const auto written = write_tensor(stream, tensor); !written) return written;
    }
    return writer->finish();
  }

  Result<void> write_tensor(TensorStream& stream, const PlannedTensor& tensor) const {
    if (tensor.source == nullptr) {
      const auto divisors = rope_divisors(config_.shape.head_dim / 2, config_.shape.rotated);
      return stream.write_bytes(tensor.name, std::as_bytes(std::span(divisors)));
    }
    const SafetensorsTensor& source = *tensor.source;
    if (safetensors_type_name(source.type) == info(tensor.type).name) {
      return stream.write_bytes(tensor.name, source.bytes);
    }
    if (tensor.type == TensorType::kI32) return write_ids(stream, tensor);
    const RowShape shape = {tensor.name, tensor.type, tensor.ne[0], rows_of(tensor.ne)};
    return stream.write_values(shape, [&](std::uint64_t row, std::span<float> values) {
      const auto read = read_floats(source, row * values.size(), values);
      require(read.has_value(), "the type was checked when the tensor was planned");
    });
  }

  Result<void> write_ids(TensorStream& stream, const PlannedTensor& tensor) const {
    const auto wide = read_integers(*tensor.source);
    if (!wide) return wide.error();
    std::vector<std::int32_t> ids;
    ids.reserve(wide->size());
    for (const std::int64_t id : *wide) {
      if (id < 0 || id >= config_.shape.vocab) {
        return bad_folder(options_.folder, fmt::format("tensor {} holds {}, which is no token id",
                                                       tensor.source->name, id));
      }
      ids.push_back(static_cast<std::int32_t>(id));
    }
    return stream.write_bytes(tensor.name, std::as_bytes(std::span(ids)));
  }

  const ConvertOptions& options_;
  const HfConfig& config_;
  const SafetensorsFile& source_;
  std::vector<PlannedTensor> plan_;
  std::optional<std::uint32_t> file_type_;
  ConvertSummary summary_;
};

// A configuration that does not fit the tensors is found by reading the result as a model.
Result<void> check_result(const std::string& path, bool is_drafter) {
  const auto file = GgufFile::open(path);
  if (!file) return file.error();
  if (is_drafter) {
    const auto config = read_drafter_config(*file);
    if (!config) return config.error();
    const auto weights = read_drafter_weights(*file, *config);
    return weights ? Result<void>() : weights.error();
  }
  const auto config = read_target_config(*file);
  if (!config) return config.error();
  const auto weights = read_target_weights(*file, *config);
  return weights ? Result<void>() : weights.error();
}

Result<HfConfig> read_config(const ConvertOptions& options) {
  const std::string path = options.folder + "/config.json";
  const auto text = read_text_if_there(path);
  if (!text) return text.error();
  if (!*text) {
    return Error{ErrorCode::kBadRequest,
                 fmt::format("{} is no folder with a config.json", options.folder)};
  }
  auto config = read_hf_config(**text, path);
  if (!config) return config;
  if (options.drop_centroids) config->shape.centroids.reset();
  if (config->shape.name.empty()) {
    std::error_code ignored;
    config->shape.name = fs::weakly_canonical(options.folder, ignored).filename();
  }
  return config;
}

}  // namespace

Result<ConvertSummary> convert_folder(const ConvertOptions& options) {
  const auto config = read_config(options);
  if (!config) return config.error();
  const auto tensors = SafetensorsFile::open(options.folder);
  if (!tensors) return tensors.error();
  const auto texts = read_hf_texts(options.folder);
  if (!texts) return texts.error();
  if (texts->vocabulary.size() != config->shape.vocab) {
    return bad_folder(options.folder,
                      fmt::format("tokenizer.json has {} tokens, but config.json says {}",
                                  texts->vocabulary.size(), config->shape.vocab));
  }
  ConvertOptions unchecked = options;
  unchecked.output += ".unchecked";
  const auto summary = Converter(unchecked, *config, *tensors).run(*texts);
  if (!summary) return summary;
  std::error_code failed;
  if (const auto checked = check_result(unchecked.output, config->shape.is_drafter); !checked) {
    fs::remove(unchecked.output, failed);
    return bad_folder(options.folder, fmt::format("config.json and the tensors do not fit: {}",
                                                  checked.error().message));
  }
  fs::rename(unchecked.output, options.output, failed);
  if (failed) {
    return Error{ErrorCode::kDevice, fmt::format("{} cannot be renamed to {}: {}", unchecked.output,
                                                 options.output, failed.message())};
  }
  return summary;
}

Command add_convert(CLI::App& app) {
  const auto options = std::make_shared<ConvertOptions>();
  app.add_option("folder", options->folder,
                 "Folder with config.json, safetensors and tokenizer.json")
      ->required();
  app.add_option("-o,--output", options->output, "GGUF file to write")->required();
  app.add_option("--type", options->type,
                 "Type of the matrices, with quantize's rules for the others; as stored unless "
                 "given");
  app.add_flag("--drop-centroids", options->drop_centroids,
               "Leave out an assistant's centroid head, which llama.cpp cannot read");
  app.add_option("-t,--threads", options->threads, "Threads, 0: one per core");
  app.add_flag("--quiet", options->quiet, "Say nothing while working");
  return [options]() -> Result<int> {
    const auto summary = convert_folder(*options);
    if (!summary) return summary.error();
    if (options->quiet) return 0;
    fmt::print("{} tensors, {}\n", summary->tensors, human_bytes(summary->bytes));
    if (summary->left_out > 0) {
      fmt::print("{} tensors of image and sound encoders were left out\n", summary->left_out);
    }
    for (const auto& [change, count] : summary->fallbacks) {
      fmt::print("{} for {} tensors whose width is no multiple of the block\n", change, count);
    }
    return 0;
  };
}

}  // namespace outrider
