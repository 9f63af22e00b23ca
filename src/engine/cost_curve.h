// How long a launch takes, by its rows: learnt from the launches themselves, so nothing is measured
// before the first request. A shared machine's speed drifts, and all sizes drift together: while
// launches of one size follow each other, a change is the machine's and moves a level common to
// all. How sizes compare shows where one follows another, since the machine has not changed in
// between.
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

  // Whether sizes like that were measured often enough for a first launch that was interrupted to
  // be forgotten.
  bool settled(std::uint32_t rows) const;

  // What was measured more than once or twice, for another process to start from.
  std::vector<Point> points() const;

  // Hopeful on purpose: a size that looks cheap is tried, and then it is known.
  static constexpr double kPriorPerRow = 0.04;
  static constexpr double kPriorSeconds = 1e-3;  // of one row, before anything was measured

 private:
  static constexpr std::size_t kKnots = 64;
  struct Knot {
    double shape = 0;   // natural logarithm of seconds, less the level
    double factor = 1;  // e to the shape
    std::uint32_t count = 0;
    std::uint32_t compared = 0;  // launches that followed one of another size
  };
  // What the launch before this one was.
  enum class Follows { kSameSize, kOtherSize };
  static std::size_t knot_of(std::uint32_t rows);
  static std::uint32_t rows_of(std::size_t knot);
  double at(std::size_t knot) const { return knots_[knot].factor; }   // in units of scale_
  double relative(std::uint32_t rows) const;                          // seconds(rows), likewise
  std::optional<std::size_t> measured_below(std::size_t knot) const;  // the nearest
  void learn(std::uint32_t rows, double error, Follows follows);
  void set_shape(Knot& knot, double shape);
  void set_level(double level);

  std::array<Knot, kKnots> knots_{};
  // relative() by rows; 0: not asked for since a shape changed. A step asks a hundred times.
  mutable std::array<double, 160> known_{};
  double level_ = 0;        // natural logarithm of seconds,
  double scale_ = 1;        // and e to that
  double recent_ = 0;       // how far above the level the last few launches were
  std::size_t last_ = 0;    // knot of the last launch
  std::uint32_t seen_ = 0;  // knots with a measurement
};

}  // namespace outrider
