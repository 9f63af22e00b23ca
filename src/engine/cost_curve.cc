#include "engine/cost_curve.h"

#include <algorithm>
#include <cmath>
#include <optional>

namespace outrider {
namespace {

constexpr std::uint32_t kExact = 16;     // sizes up to here have a knot each,
constexpr std::uint32_t kPerOctave = 4;  // above them there are so many to a doubling
constexpr std::uint32_t kBelieved = 3;   // measurements after which one alone is not
constexpr std::uint32_t kSettled = 4;    // and after which the first ones no longer matter

double prior(std::uint32_t rows) {
  return 1 + CostCurve::kPriorPerRow * (rows - 1.0);
}

}  // namespace

CostCurve::CostCurve(std::span<const Point> points) {
  for (const Point& point : points) {
    if (point.rows > 0 && point.seconds > 0 && std::isfinite(point.seconds)) {
      measured(point.rows, point.seconds);
      knots_[knot_of(point.rows)].count = kSettled;
    }
  }
}

std::size_t CostCurve::knot_of(std::uint32_t rows) {
  if (rows <= kExact) return rows - 1;
  const double octaves = std::log2(static_cast<double>(rows) / kExact);
  const auto above = static_cast<std::size_t>(std::lround(octaves * kPerOctave));
  return std::min(kKnots - 1, kExact - 1 + above);
}

std::uint32_t CostCurve::rows_of(std::size_t knot) {
  static const auto rows = [] {
    std::array<std::uint32_t, kKnots> of{};
    for (std::size_t k = 0; k < kKnots; ++k) {
      const double octaves = (static_cast<double>(k) - (kExact - 1)) / kPerOctave;
      of[k] = k < kExact ? static_cast<std::uint32_t>(k + 1)
                         : static_cast<std::uint32_t>(std::lround(kExact * std::exp2(octaves)));
    }
    return of;
  }();
  return rows[knot];
}

void CostCurve::set_shape(Knot& knot, double shape) {
  knot.shape = shape;
  knot.factor = std::exp(shape);
  known_.fill(0);
}

void CostCurve::set_level(double level) {
  level_ = level;
  scale_ = std::exp(level);
}

double CostCurve::seconds(std::uint32_t rows) const {
  if (rows == 0) return 0;
  if (seen_ == 0) return kPriorSeconds * prior(rows);
  if (rows >= known_.size()) return scale_ * relative(rows);
  double& known = known_[rows];
  if (known == 0) known = relative(rows);
  return scale_ * known;
}

double CostCurve::relative(std::uint32_t rows) const {
  const std::size_t wanted = knot_of(rows);
  // A knot's own rows may lie on either side of the rows that map to it.
  const std::size_t start = rows_of(wanted) <= rows ? wanted + 1 : wanted;
  const std::optional<std::size_t> below = measured_below(start);
  std::optional<std::size_t> above;
  for (std::size_t knot = wanted; knot < kKnots && !above; ++knot) {
    if (knots_[knot].count > 0 && rows_of(knot) >= rows) above = knot;
  }
  if (!below) return at(*above) * prior(rows) / prior(rows_of(*above));
  const double from = rows_of(*below);
  const double hopeful = at(*below) * prior(rows) / prior(rows_of(*below));
  if (!above) {
    // Not steeper than the last stretch that is known.
    const auto before = measured_below(*below);
    if (!before) return hopeful;
    const double slope = (at(*below) - at(*before)) / (from - rows_of(*before));
    return std::min(hopeful, at(*below) + std::max(0.0, slope) * (rows - from));
  }
  if (*below == *above) return at(*below);
  const double share = (rows - from) / (rows_of(*above) - from);
  const double between = at(*below) * (1 - share) + at(*above) * share;
  return knots_[wanted].count > 0 ? between : std::min(between, hopeful);
}

bool CostCurve::settled(std::uint32_t rows) const {
  return rows == 0 || knots_[knot_of(rows)].count >= kSettled;
}

std::optional<std::size_t> CostCurve::measured_below(std::size_t knot) const {
  while (knot-- > 0) {
    if (knots_[knot].count > 0) return knot;
  }
  return std::nullopt;
}

void CostCurve::measured(std::span<const std::uint32_t> rows, double seconds) {
  if (!(seconds > 0) || !std::isfinite(seconds)) return;
  double expected = 0;
  for (const std::uint32_t r : rows) expected += this->seconds(r);
  if (expected <= 0) return;
  const double error = std::log(seconds / expected);
  const auto some = std::find_if(rows.begin(), rows.end(), [](std::uint32_t r) { return r > 0; });
  const std::size_t knot = knot_of(*some);
  const Follows follows = knot == last_ ? Follows::kSameSize : Follows::kOtherSize;
  last_ = knot;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto before = rows.first(i);
    const bool told = std::find(before.begin(), before.end(), rows[i]) != before.end();
    if (rows[i] > 0 && !told) learn(rows[i], error, follows);
  }
}

void CostCurve::learn(std::uint32_t rows, double error, Follows follows) {
  constexpr double kLevelShare = 0.05, kRecentShare = 0.25, kShapeShare = 0.07;
  constexpr std::uint32_t kFirst = 14;
  // A launch that was interrupted is not believed: it counts as somewhat slow, a size's first ones
  // as slower, since what they are compared with is only hoped.
  constexpr double kWorst = 0.7, kWorstFirst = 1.4, kWorstRecent = 0.2;
  const std::size_t index = knot_of(rows);
  Knot& knot = knots_[index];
  const bool known = knot.count >= kBelieved;
  if (seen_ > 0) {
    const double worst = known ? kWorst : kWorstFirst;
    error = std::clamp(error, known ? -worst : -HUGE_VAL, worst);
  }
  if (knot.count == 0) {
    // Set so that this very size would have been expected to take what it took.
    const double expected = seconds(rows) * prior(rows_of(index)) / prior(rows);
    if (seen_++ == 0) set_level(std::log(expected));
    set_shape(knot, std::log(expected) + error - level_ - recent_);
    knot.count = 1;
    return;
  }
  // The first few are averaged, whatever ran before them: a machine that is just waking up may have
  // made them slow, so the first comparisons count for more.
  ++knot.count;
  double share = knot.count > kFirst ? 0 : 1.0 / knot.count;
  if (known && follows == Follows::kOtherSize) {
    share = std::max({share, kShapeShare, 1.0 / (++knot.compared + 1)});
  }
  const double change = share * (error - recent_);
  if (change != 0) set_shape(knot, knot.shape + change);
  error -= change;
  set_level(level_ + kLevelShare * error);
  recent_ += kRecentShare * std::clamp(error - recent_, -kWorstRecent, kWorstRecent);
  recent_ -= kLevelShare * error;
}

std::vector<CostCurve::Point> CostCurve::points() const {
  std::vector<Point> points;
  for (std::size_t knot = 0; knot < kKnots; ++knot) {
    if (knots_[knot].count >= kBelieved) points.push_back({rows_of(knot), scale_ * at(knot)});
  }
  return points;
}

}  // namespace outrider
