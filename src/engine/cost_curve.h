// How long a launch takes, by its rows: learnt from the launches themselves, so nothing is measured
// before the first request. Clocks of a shared machine drift together, so a level common to all
// sizes follows quickly and each size's distance from it slowly.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace outrider {

class CostCurve {
 public:
  struct Point {
    std::uint32_t rows;
    double seconds;
  };

  CostCurve() = default;
  // Starts from what an earlier process learnt; points that make no sense are left out.
  explicit CostCurve(std::span<const Point> points);

  // Expected seconds of a launch with so many rows; 0 for 0 rows. A size never seen is hoped to
  // cost little more than the next smaller one that was: kPriorPerRow of a launch of one row for
  // each row between, and no more than its neighbours say.
  double seconds(std::uint32_t rows) const;
  // Launches with these rows took so long together.
  void measured(std::span<const std::uint32_t> rows, double seconds);
  void measured(std::uint32_t rows, double seconds) { measured(std::span(&rows, 1), seconds); }

  // What was measured more than once or twice, for another process to start from.
  std::vector<Point> points() const;

  // Hopeful on purpose: a size that looks cheap is tried, and then it is known.
  static constexpr double kPriorPerRow = 0.04;
  static constexpr double kPriorSeconds = 1e-3;  // of one row, before anything was measured

 private:
  static constexpr std::size_t kKnots = 64;
  struct Knot {
    double shape = 0;  // natural logarithm of seconds, less the level
    std::uint32_t count = 0;
  };
  static std::size_t knot_of(std::uint32_t rows);
  static std::uint32_t rows_of(std::size_t knot);
  double at(std::size_t knot) const;
  std::optional<std::size_t> measured_below(std::size_t knot) const;  // the nearest
  void learn(std::uint32_t rows, double error);

  std::array<Knot, kKnots> knots_{};
  double level_ = 0;
  std::uint32_t seen_ = 0;  // knots with a measurement
};

}  // namespace outrider
