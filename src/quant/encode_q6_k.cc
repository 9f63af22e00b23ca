// Q6_K: x is about (d * scale) * code, with one signed 8-bit scale for every 16 values, codes in
// [-32, 31] and one d for all 256. The steps are those of encode_q45_k.cc: best real scales, a d
// that covers them, the best 8-bit scales nearby. Solving for d once more, as is done there, gained
// 0.1 % of the error: with 8-bit scales d hardly matters.
#include <limits>

#include "quant/block_bytes.h"
#include "quant/encode_block.h"

namespace outrider {
namespace {

constexpr std::size_t kSubBlocks = 16;
constexpr std::size_t kValues = 16;  // of a sub-block

using Codes = std::array<float, kValues>;
using Scales = std::array<float, kSubBlocks>;

Codes nearest_codes(const float* x, float scale) {
  Codes codes{};
  if (std::fabs(scale) < kSmallestStep) return codes;
  const float inverse = 1.0f / scale;
  for (std::size_t i = 0; i < kValues; ++i) codes[i] = round_code(x[i] * inverse, -32.0f, 31.0f);
  return codes;
}

float squared_error(const float* x, float scale, const Codes& codes) {
  return sum_of<kValues>([&](std::size_t i) {
    const float miss = scale * codes[i] - x[i];
    return miss * miss;
  });
}

float least_squares(const float* x, const Codes& codes) {
  const float qq = sum_of<kValues>([&](std::size_t i) { return codes[i] * codes[i]; });
  const float xq = sum_of<kValues>([&](std::size_t i) { return x[i] * codes[i]; });
  return qq > 0.0f ? xq / qq : 0.0f;
}

// Puts the extremum on some code between 28 and 33 (beyond 32 it is cut off), on either side of
// zero, refits each, and keeps the best.
float best_scale(const float* x) {
  float extremum = 0.0f;
  for (std::size_t i = 0; i < kValues; ++i) {
    if (std::fabs(x[i]) > std::fabs(extremum)) extremum = x[i];
  }
  float best = 0.0f;
  float best_error = squared_error(x, best, Codes{});
  const auto refit = [&](float scale) {
    const Codes codes = nearest_codes(x, scale);
    scale = least_squares(x, codes);
    const float error = squared_error(x, scale, codes);
    if (error >= best_error) return;
    best_error = error;
    best = scale;
  };
  for (int step = 0; step <= 20; ++step) {
    const float code = 28.0f + 0.25f * static_cast<float>(step);
    refit(extremum / code);
    refit(-extremum / code);
  }
  refit(best);
  return best;
}

// A whole block as it will be stored.
struct Fit {
  StoredScale d;
  Scales scale{};  // -127..127
  std::array<Codes, kSubBlocks> codes{};
};

// The best 8-bit scale of one sub-block among the three next to `wanted`.
void fit_sub_block(const float* x, std::size_t sub, float wanted, Fit& fit) {
  const float near = fit.d.unit == 0.0f ? 0.0f : round_code(wanted / fit.d.unit, -127.0f, 127.0f);
  float best_error = std::numeric_limits<float>::infinity();
  for (const float step : {0.0f, -1.0f, 1.0f}) {  // of equals, the nearest
    const float s = std::clamp(near + step, -127.0f, 127.0f);
    const Codes codes = nearest_codes(x, fit.d.unit * s);
    const float error = squared_error(x, fit.d.unit * s, codes);
    if (error >= best_error) continue;
    best_error = error;
    fit.scale[sub] = s;
    fit.codes[sub] = codes;
  }
}

Fit fit_block(const UnitBlock& block, const Scales& wanted, float unit) {
  Fit fit;
  fit.d = store_scale(unit, block.size);
  for (std::size_t sub = 0; sub < kSubBlocks; ++sub) {
    fit_sub_block(&block.x[kValues * sub], sub, wanted[sub], fit);
  }
  return fit;
}

Fit best_fit(const UnitBlock& block) {
  Scales scales;
  float largest = 0.0f;
  for (std::size_t sub = 0; sub < kSubBlocks; ++sub) {
    scales[sub] = best_scale(&block.x[kValues * sub]);
    largest = std::max(largest, std::fabs(scales[sub]));
  }
  return fit_block(block, scales, largest / 127.0f);
}

// Code of value i of the block, moved to 0..63 as it is stored.
unsigned stored_code(const Fit& fit, std::size_t i) {
  return static_cast<unsigned>(fit.codes[i / kValues][i % kValues] + 32.0f);
}

}  // namespace

void encode_q6_k(const float* values, std::uint8_t* out) {
  const Fit fit = best_fit(read_unit_block(values));
  for (std::size_t half = 0; half < 2; ++half) {
    std::uint8_t* low = out + 64 * half;
    std::uint8_t* high = out + 128 + 32 * half;
    for (std::size_t l = 0; l < 32; ++l) {
      const std::size_t i = 128 * half + l;
      const unsigned a = stored_code(fit, i), b = stored_code(fit, i + 32);
      const unsigned c = stored_code(fit, i + 64), d = stored_code(fit, i + 96);
      low[l] = static_cast<std::uint8_t>((a & 15u) | ((c & 15u) << 4));
      low[l + 32] = static_cast<std::uint8_t>((b & 15u) | ((d & 15u) << 4));
      high[l] =
          static_cast<std::uint8_t>((a >> 4) | ((b >> 4) << 2) | ((c >> 4) << 4) | ((d >> 4) << 6));
    }
  }
  for (std::size_t sub = 0; sub < kSubBlocks; ++sub) {
    out[192 + sub] = static_cast<std::uint8_t>(static_cast<std::int8_t>(fit.scale[sub]));
  }
  store_u16(out + 208, fit.d.half);
}

}  // namespace outrider
