#include "core/random_weights.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>

#include "core/contract.h"
#include "core/random.h"

namespace outrider {
namespace {

constexpr std::size_t kWords = 4;                 // of one Philox block
constexpr std::size_t kBlocks = 64;               // drawn together, so that compilers vectorise
constexpr std::size_t kBatch = kBlocks * kWords;  // values
constexpr double kByteSumVariance = 21845;        // 4 * (256^2 - 1) / 12
constexpr std::int32_t kByteSumMean = 510;        // 4 * 255 / 2

using Lanes = std::array<std::uint32_t, kBlocks>;

constexpr std::uint64_t fnv1a64(std::string_view text) {
  std::uint64_t hash = 0xCBF29CE484222325u;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3u;
  return hash;
}

// What all values of a tensor have in common.
struct Draw {
  std::uint64_t key;
  std::uint64_t seed;
  float scale;
  float mean;
};

Draw draw_of(const RandomTensor& tensor) {
  const double scale = static_cast<double>(tensor.std) / std::sqrt(kByteSumVariance);
  return {fnv1a64(tensor.name), tensor.seed, static_cast<float>(scale), tensor.mean};
}

float value_of(std::uint32_t word, const Draw& draw) {
  const std::uint32_t pairs = (word & 0x00FF00FFu) + ((word >> 8) & 0x00FF00FFu);
  const std::uint32_t sum = (pairs + (pairs >> 16)) & 0xFFFFu;
  return static_cast<float>(static_cast<std::int32_t>(sum) - kByteSumMean) * draw.scale + draw.mean;
}

// philox4x32 of kBlocks counters at once, one array per word.
void philox_lanes(std::array<Lanes, kWords>& counter, std::uint64_t key) {
  auto key0 = static_cast<std::uint32_t>(key);
  auto key1 = static_cast<std::uint32_t>(key >> 32);
  for (int round = 0; round < 10; ++round) {
    for (std::size_t lane = 0; lane < kBlocks; ++lane) {
      const std::uint64_t a = std::uint64_t{0xD2511F53u} * counter[0][lane];
      const std::uint64_t b = std::uint64_t{0xCD9E8D57u} * counter[2][lane];
      counter[0][lane] = static_cast<std::uint32_t>(b >> 32) ^ counter[1][lane] ^ key0;
      counter[1][lane] = static_cast<std::uint32_t>(b);
      counter[2][lane] = static_cast<std::uint32_t>(a >> 32) ^ counter[3][lane] ^ key1;
      counter[3][lane] = static_cast<std::uint32_t>(a);
    }
    key0 += 0x9E3779B9u;
    key1 += 0xBB67AE85u;
  }
}

// The kBatch values that start at Philox block `first_block`.
void draw_batch(const Draw& draw, std::uint64_t first_block, float* out) {
  std::array<Lanes, kWords> words;
  for (std::size_t lane = 0; lane < kBlocks; ++lane) {
    const std::uint64_t index = first_block + lane;
    words[0][lane] = static_cast<std::uint32_t>(index);
    words[1][lane] = static_cast<std::uint32_t>(index >> 32);
  }
  words[2].fill(static_cast<std::uint32_t>(draw.seed));
  words[3].fill(static_cast<std::uint32_t>(draw.seed >> 32));
  philox_lanes(words, draw.key);
  for (std::size_t lane = 0; lane < kBlocks; ++lane) {
    out[4 * lane + 0] = value_of(words[0][lane], draw);
    out[4 * lane + 1] = value_of(words[1][lane], draw);
    out[4 * lane + 2] = value_of(words[2][lane], draw);
    out[4 * lane + 3] = value_of(words[3][lane], draw);
  }
}

// The same, one value at a time: for ranges shorter than a batch and for their ragged ends.
void draw_singly(const Draw& draw, std::uint64_t first, std::span<float> out) {
  PhiloxBlock block{};
  for (std::size_t i = 0; i < out.size(); ++i) {
    const std::uint64_t place = first + i;
    if (i == 0 || place % kWords == 0) block = philox_at(draw.key, place / kWords, draw.seed);
    out[i] = value_of(block[place % kWords], draw);
  }
}

float inverse_root(std::uint64_t n) {
  return static_cast<float>(1.0 / std::sqrt(static_cast<double>(n)));
}

}  // namespace

void random_weights(const RandomTensor& tensor, std::uint64_t first, std::span<float> out) {
  const Draw draw = draw_of(tensor);
  const std::size_t to_block = static_cast<std::size_t>((kWords - first % kWords) % kWords);
  const std::size_t head = std::min(to_block, out.size());
  draw_singly(draw, first, out.first(head));
  std::size_t done = head;
  for (; done + kBatch <= out.size(); done += kBatch) {
    draw_batch(draw, (first + done) / kWords, out.data() + done);
  }
  draw_singly(draw, first + done, out.subspan(done));
}

RandomRole role_of(std::string_view name, std::uint64_t cols) {
  require(cols > 0, "a tensor's row has at least one value");
  const auto leaf_is = [&](std::string_view leaf) { return name.ends_with(leaf); };
  // Query and key rows are normed, so their product has deviation sqrt(cols) times both weights.
  if (leaf_is("attn_q_norm.weight")) return {2 * inverse_root(cols), 0.2F * inverse_root(cols)};
  // Signs at random: with tied embeddings an all-positive weight would make every token predict
  // itself. The deviation is that of the logits, since table rows have unit length.
  if (name == "output_norm.weight") return {0, 4};
  if (leaf_is("layer_output_scale.weight")) return {0.75F, 0.1F};
  // The router's input carries 1/sqrt(d), so this is the deviation of the routing logits.
  if (leaf_is("ffn_gate_inp.weight")) return {0, 1.5F};
  if (leaf_is("ffn_gate_inp.scale") || leaf_is("ffn_down_exps.scale")) return {1, 0.1F};
  // Rows are scaled by sqrt(256) per layer, the width of every released per-layer embedding.
  if (leaf_is("per_layer_token_embd.weight")) return {0, 0.0625F};
  if (name.find("norm") != std::string_view::npos) return {1, 0.1F};
  return {0, inverse_root(cols)};
}

std::int32_t permuted_id(std::uint64_t index, std::uint64_t vocab) {
  require(index < vocab && vocab < std::uint64_t{1} << 31, "a place in a vocabulary");
  // 2654435761 is prime and larger than any vocabulary, hence coprime to it.
  return static_cast<std::int32_t>((index * 2654435761u + 12345) % vocab);
}

}  // namespace outrider
