// Q4_K and Q5_K: x is about (d * scale) * code - dmin * min, with one 6-bit scale and one 6-bit min
// for every 32 values and one d and dmin for all 256.
//
// The fit minimises the plain sum of squared errors: without statistics of the inputs, an error
// costs the same in a large weight as in a small one. It goes from the free to the constrained:
// each sub-block first gets the best real scale and min, then d and dmin are chosen to cover them,
// then each sub-block takes the best 6-bit pair nearby, and last d and dmin are solved for once the
// integers stand.
#include <limits>

#include "quant/block_bytes.h"
#include "quant/encode_block.h"

namespace outrider {
namespace {

constexpr std::size_t kSubBlocks = 8;
constexpr std::size_t kValues = 32;  // of a sub-block

using Codes = std::array<float, kValues>;

struct Line {  // x = scale * code - min, both at least 0
  float scale = 0.0f;
  float min = 0.0f;
};

Codes nearest_codes(const float* x, Line line, float levels) {
  Codes codes{};
  if (line.scale < kSmallestStep) return codes;
  const float inverse = 1.0f / line.scale;
  for (std::size_t i = 0; i < kValues; ++i) {
    codes[i] = round_code((x[i] + line.min) * inverse, 0.0f, levels);
  }
  return codes;
}

float squared_error(const float* x, Line line, const Codes& codes) {
  return sum_of<kValues>([&](std::size_t i) {
    const float miss = line.scale * codes[i] - line.min - x[i];
    return miss * miss;
  });
}

// The line of least squares through (code, x), its min held at or above zero.
Line least_squares(const float* x, const Codes& codes) {
  const float n = static_cast<float>(kValues);
  const float sum_x = sum_of<kValues>([&](std::size_t i) { return x[i]; });
  const float sum_q = sum_of<kValues>([&](std::size_t i) { return codes[i]; });
  const float sum_qq = sum_of<kValues>([&](std::size_t i) { return codes[i] * codes[i]; });
  const float sum_xq = sum_of<kValues>([&](std::size_t i) { return x[i] * codes[i]; });
  const float spread = n * sum_qq - sum_q * sum_q;
  if (spread > 0.0f) {
    const float scale = (n * sum_xq - sum_x * sum_q) / spread;
    const float min = (scale * sum_q - sum_x) / n;
    if (scale >= 0.0f && min >= 0.0f) return {scale, min};
  }
  if (sum_qq > 0.0f && sum_xq > 0.0f) return {sum_xq / sum_qq, 0.0f};
  return {0.0f, std::max(-sum_x / n, 0.0f)};
}

// Tries ranges from a little wider than the sub-block's own to a good deal narrower, moved to
// either end or the middle, and refits each: giving up the outermost value often pays for a finer
// step everywhere else. On gaussian rows 31 tries without the wider ones left 0.8 % more error, 45
// tries in steps of 2 % gained 0.1 %.
Line best_line(const float* x, float levels) {
  const auto [smallest, largest] = std::minmax_element(x, x + kValues);
  const float low = std::min(*smallest, 0.0f);
  const float range = std::max(*largest, low) - low;
  Line best = least_squares(x, Codes{});
  float best_error = squared_error(x, best, Codes{});
  const auto refit = [&](Line line) {
    const Codes codes = nearest_codes(x, line, levels);
    line = least_squares(x, codes);
    const float error = squared_error(x, line, codes);
    if (error >= best_error) return;
    best_error = error;
    best = line;
  };
  for (int cut = -2; cut <= 10; ++cut) {
    const float kept = 1.0f - 0.03f * static_cast<float>(cut);
    for (int end = 0; end <= (cut == 0 ? 0 : 2); ++end) {
      const float from = low + range * (1.0f - kept) * 0.5f * static_cast<float>(end);
      refit({range * kept / levels, std::max(-from, 0.0f)});
    }
  }
  for (int round = 0; round < 3; ++round) refit(best);
  return best;
}

// A whole block as it will be stored.
struct Fit {
  StoredScale d;
  StoredScale dmin;
  std::array<float, kSubBlocks> scale{};  // 0..63
  std::array<float, kSubBlocks> min{};
  std::array<Codes, kSubBlocks> codes{};
  float error = 0.0f;
};

// The best 6-bit scale and min of one sub-block among those next to `wanted`.
void fit_sub_block(const float* x, std::size_t sub, Line wanted, float levels, Fit& fit) {
  const auto units_of = [](float value, float unit) {
    return unit == 0.0f ? 0.0f : round_code(value / unit, 0.0f, 63.0f);
  };
  const float scale = units_of(wanted.scale, fit.d.unit);
  const float min = units_of(wanted.min, fit.dmin.unit);
  float best_error = std::numeric_limits<float>::infinity();
  constexpr std::array kSteps = {0.0f, -1.0f, 1.0f};  // of equals, the nearest
  for (const float scale_step : kSteps) {
    for (const float min_step : kSteps) {
      const float s = std::clamp(scale + scale_step, 0.0f, 63.0f);
      const float m = std::clamp(min + min_step, 0.0f, 63.0f);
      const Line line{fit.d.unit * s, fit.dmin.unit * m};
      const Codes codes = nearest_codes(x, line, levels);
      const float error = squared_error(x, line, codes);
      if (error >= best_error) continue;
      best_error = error;
      fit.scale[sub] = s;
      fit.min[sub] = m;
      fit.codes[sub] = codes;
    }
  }
  fit.error += best_error;
}

using Lines = std::array<Line, kSubBlocks>;

Fit fit_block(const UnitBlock& block, const Lines& wanted, Line unit, float levels) {
  Fit fit;
  fit.d = store_scale(unit.scale, block.size);
  fit.dmin = store_scale(unit.min, block.size);
  for (std::size_t sub = 0; sub < kSubBlocks; ++sub) {
    fit_sub_block(&block.x[kValues * sub], sub, wanted[sub], levels, fit);
  }
  return fit;
}

// The d and dmin of least squares for the integers of `fit`; those it has where they cannot be
// solved for.
Line refit_units(const UnitBlock& block, const Fit& fit) {
  double ss = 0.0, sm = 0.0, mm = 0.0, xs = 0.0, xm = 0.0;
  for (std::size_t sub = 0; sub < kSubBlocks; ++sub) {
    const double m = static_cast<double>(fit.min[sub]);
    for (std::size_t i = 0; i < kValues; ++i) {
      const double s = static_cast<double>(fit.scale[sub] * fit.codes[sub][i]);
      const double x = static_cast<double>(block.x[kValues * sub + i]);
      ss += s * s;
      sm += s * m;
      mm += m * m;
      xs += x * s;
      xm += x * m;
    }
  }
  const double spread = ss * mm - sm * sm;
  double d = ss > 0.0 ? xs / ss : 0.0;
  double dmin = ss > 0.0 || mm == 0.0 ? 0.0 : -xm / mm;
  if (spread > 0.0) {
    d = (xs * mm - xm * sm) / spread;
    dmin = (xs * sm - xm * ss) / spread;
  }
  const bool solved = d >= 0.0 && dmin >= 0.0;
  if (!solved) return {fit.d.unit, fit.dmin.unit};
  return {static_cast<float>(d), static_cast<float>(dmin)};
}

Fit best_fit(const UnitBlock& block, float levels) {
  Lines lines;
  Line largest;
  for (std::size_t sub = 0; sub < kSubBlocks; ++sub) {
    lines[sub] = best_line(&block.x[kValues * sub], levels);
    largest.scale = std::max(largest.scale, lines[sub].scale);
    largest.min = std::max(largest.min, lines[sub].min);
  }
  Fit best = fit_block(block, lines, {largest.scale / 63.0f, largest.min / 63.0f}, levels);
  for (int round = 0; round < 2; ++round) {
    const Fit again = fit_block(block, lines, refit_units(block, best), levels);
    if (again.error >= best.error) break;
    best = again;
  }
  return best;
}

// The inverse of load_scale_min(). Writes all 12 bytes.
void store_scale_min(const Fit& fit, MutableBytes packed) {
  for (std::size_t j = 0; j < kSubBlocks; ++j) {
    const unsigned s = static_cast<unsigned>(fit.scale[j]);
    const unsigned m = static_cast<unsigned>(fit.min[j]);
    if (j < 4) {
      packed[j] = static_cast<std::uint8_t>(s);
      packed[j + 4] = static_cast<std::uint8_t>(m);
    } else {
      packed[j + 4] = static_cast<std::uint8_t>((s & 15u) | ((m & 15u) << 4));
      packed[j - 4] = static_cast<std::uint8_t>(packed[j - 4] | ((s >> 4) << 6));
      packed[j] = static_cast<std::uint8_t>(packed[j] | ((m >> 4) << 6));
    }
  }
}

// Low four bits of every code; two sub-blocks share 32 bytes.
void store_low_bits(const Fit& fit, MutableBytes out) {
  for (std::size_t sub = 0; sub < kSubBlocks; sub += 2) {
    for (std::size_t i = 0; i < kValues; ++i) {
      const unsigned even = static_cast<unsigned>(fit.codes[sub][i]);
      const unsigned odd = static_cast<unsigned>(fit.codes[sub + 1][i]);
      out[16 * sub + i] = static_cast<std::uint8_t>((even & 15u) | ((odd & 15u) << 4));
    }
  }
}

void store_fifth_bits(const Fit& fit, MutableBytes out) {
  for (std::size_t i = 0; i < kValues; ++i) {
    unsigned bits = 0;
    for (std::size_t sub = 0; sub < kSubBlocks; ++sub) {
      bits |= (static_cast<unsigned>(fit.codes[sub][i]) >> 4) << sub;
    }
    out[i] = static_cast<std::uint8_t>(bits);
  }
}

}  // namespace

void encode_q4_k(const float* values, std::uint8_t* out) {
  const Fit fit = best_fit(read_unit_block(values), 15.0f);
  store_u16(out, fit.d.half);
  store_u16(out + 2, fit.dmin.half);
  store_scale_min(fit, out + 4);
  store_low_bits(fit, out + 16);
}

void encode_q5_k(const float* values, std::uint8_t* out) {
  const Fit fit = best_fit(read_unit_block(values), 31.0f);
  store_u16(out, fit.d.half);
  store_u16(out + 2, fit.dmin.half);
  store_scale_min(fit, out + 4);
  store_fifth_bits(fit, out + 16);
  store_low_bits(fit, out + 48);
}

}  // namespace outrider
