#include "app/synth_model.h"

#include <cstring>
#include <filesystem>

#include "app/progress.h"
#include "app/quantize_stream.h"
#include "core/random.h"
#include "core/random_weights.h"
#include "quant/codec.h"

namespace outrider {
namespace {

constexpr std::uint64_t kPoolBlocks = 256;  // of a tensor

RowShape shape_of(const SynthTensor& tensor) {
  return {tensor.name, tensor.type, tensor.ne[0], rows_of(tensor.ne)};
}

bool is_slow_to_encode(TensorType type) {
  return info(type).block_values == 256;
}

// One stream of tensors of one seed.
class SynthWriter {
 public:
  SynthWriter(std::uint64_t seed, TensorStream stream) : seed_(seed), stream_(stream) {}

  Result<void> write(const SynthTensor& tensor) {
    switch (tensor.fill) {
      case SynthFill::kRopeFreqs:
        return write_rope_freqs(tensor);
      case SynthFill::kPermutedId:
        return write_permuted_ids(tensor);
      case SynthFill::kRandom:
        break;
    }
    return is_slow_to_encode(tensor.type) ? write_pooled(tensor) : write_drawn(tensor);
  }

 private:
  RandomTensor random(const SynthTensor& tensor) const {
    return {tensor.name, seed_, tensor.mean, tensor.std};
  }

  Result<void> write_drawn(const SynthTensor& tensor) {
    const std::uint64_t cols = tensor.ne[0];
    return stream_.write_values(shape_of(tensor), [&](std::uint64_t row, std::span<float> values) {
      random_weights(random(tensor), row * cols, values);
    });
  }

  Result<void> write_pooled(const SynthTensor& tensor) {
    const TensorTypeInfo& type = info(tensor.type);
    std::vector<float> values(type.block_values);
    std::vector<std::byte> pool(kPoolBlocks * type.block_bytes);
    for (std::uint64_t block = 0; block < kPoolBlocks; ++block) {
      random_weights(random(tensor), block * type.block_values, values);
      const std::span<std::byte> bytes(pool);
      encode_row(tensor.type, values, bytes.subspan(block * type.block_bytes, type.block_bytes));
    }
    const std::uint64_t row_blocks = tensor.ne[0] / type.block_values;
    return stream_.write_rows(shape_of(tensor), [&](std::uint64_t row, std::span<std::byte> bytes) {
      for (std::uint64_t block = 0; block < row_blocks; ++block) {
        const PhiloxBlock picks = philox_at(seed_, row, block);
        const std::uint64_t pick = picks[0] % kPoolBlocks;
        std::memcpy(bytes.data() + block * type.block_bytes, pool.data() + pick * type.block_bytes,
                    type.block_bytes);
      }
    });
  }

  Result<void> write_rope_freqs(const SynthTensor& tensor) {
    const auto pairs = static_cast<std::uint32_t>(tensor.ne[0]);
    const std::vector<float> divisors = rope_divisors(pairs, tensor.rotated);
    return stream_.write_bytes(tensor.name, std::as_bytes(std::span(divisors)));
  }

  Result<void> write_permuted_ids(const SynthTensor& tensor) {
    std::vector<std::int32_t> ids(tensor.ne[0]);
    for (std::size_t i = 0; i < ids.size(); ++i) ids[i] = permuted_id(i, ids.size());
    return stream_.write_bytes(tensor.name, std::as_bytes(std::span(ids)));
  }

  std::uint64_t seed_;
  TensorStream stream_;
};

}  // namespace

void apply_mix(SynthModel& model, const QuantMix& mix) {
  std::vector<std::string_view> names;
  for (const SynthTensor& tensor : model.tensors) names.push_back(tensor.name);
  QuantRules rules(mix, names);
  for (SynthTensor& tensor : model.tensors) {
    // Google's own Q4_0 files keep the per-layer embeddings in Q4_0, where llama-quantize has Q6_K.
    const bool as_google =
        mix.base == TensorType::kQ4_0 && tensor.name == "per_layer_token_embd.weight";
    tensor.type =
        as_google ? TensorType::kQ4_0 : rules.type_of({tensor.name, tensor.ne, tensor.type});
  }
  for (auto& [key, value] : model.metadata) {
    if (key == "general.file_type") value = mix.file_type;
  }
}

Result<void> write_synth(const SynthModel& model, const SynthOutput& output, ThreadPool& pool) {
  auto writer = GgufWriter::create(output.path);
  if (!writer) return writer.error();
  set_metadata(*writer, model.metadata);
  writer->set_u32("general.quantization_version", 2);
  if (output.vocabulary != nullptr) set_tokenizer(*writer, *output.vocabulary);
  if (!output.chat_template.empty()) {
    writer->set_string("tokenizer.chat_template", output.chat_template);
  }
  std::uint64_t total_bytes = 0;
  for (const SynthTensor& tensor : model.tensors) {
    writer->declare_tensor(tensor.name, tensor.type, tensor.ne);
    total_bytes += shape_of(tensor).bytes();
  }
  const std::string name = std::filesystem::path(output.path).filename();
  Progress progress("writing " + name, total_bytes, output.quiet);
  SynthWriter tensors(model.seed, TensorStream(*writer, pool, progress));
  for (const SynthTensor& tensor : model.tensors) {
    if (const auto written = tensors.write(tensor); !written) return written;
  }
  return writer->finish();
}

}  // namespace outrider
