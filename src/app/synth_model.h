// A GGUF file that need not be stored: metadata, and tensors whose values follow from a seed.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "app/convert_shape.h"
#include "app/quantize_rules.h"
#include "core/result.h"
#include "core/tensor_type.h"
#include "platform/thread_pool.h"
#include "text/vocabulary.h"

namespace outrider {

// How a tensor gets its values.
enum class SynthFill {
  kRandom,      // random_weights() with the tensor's name, mean and deviation
  kRopeFreqs,   // `rotated` ones, then 1e30, which turns a rotation off
  kPermutedId,  // permuted_id() of each place
};

struct SynthTensor {
  std::string name;
  TensorType type;
  std::vector<std::uint64_t> ne;  // ne[0] is the contiguous axis
  SynthFill fill = SynthFill::kRandom;
  float mean = 0;
  float std = 0;
  std::uint32_t rotated = 0;
};

struct SynthModel {
  MetadataList metadata;
  std::uint64_t seed = 0;
  std::vector<SynthTensor> tensors;
};

// Stores the model's tensors as `mix` would, and says so in its metadata.
void apply_mix(SynthModel& model, const QuantMix& mix);

struct SynthOutput {
  std::string path;
  const Vocabulary* vocabulary = nullptr;  // null: the file gets no tokenizer
  std::string chat_template;               // empty: none
  bool quiet = false;
};

// F32, F16, BF16 and the 32-value block types hold exactly the drawn values, rounded. The K types'
// encoders are slow, so there a tensor is made of 256 blocks, drawn and encoded once, in an order
// drawn at random: right for measuring speed.
Result<void> write_synth(const SynthModel& model, const SynthOutput& output, ThreadPool& pool);

}  // namespace outrider
