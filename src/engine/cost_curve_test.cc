#include "engine/cost_curve.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace outrider {
namespace {

double truth(std::uint32_t rows) {
  return 0.010 + 0.001 * rows;
}

TEST(CostCurve, before_anything_is_measured_more_rows_cost_a_little_more) {
  const CostCurve curve;
  EXPECT_EQ(curve.seconds(0), 0);
  EXPECT_GT(curve.seconds(1), 0);
  EXPECT_GT(curve.seconds(9), curve.seconds(1));
  EXPECT_LT(curve.seconds(9), 2 * curve.seconds(1));
}

TEST(CostCurve, one_measurement_sets_the_level_of_all_sizes) {
  CostCurve curve;
  curve.measured(4, 0.5);
  EXPECT_NEAR(curve.seconds(4), 0.5, 1e-9);
  EXPECT_LT(curve.seconds(1), 0.5);
  EXPECT_GT(curve.seconds(8), 0.5);
}

TEST(CostCurve, learns_sizes_through_noise) {
  CostCurve curve;
  std::mt19937 bits(1);
  std::normal_distribution<double> noise(0, 0.1);
  for (int i = 0; i < 4000; ++i) {
    const std::uint32_t rows = std::array{1u, 2u, 4u, 8u, 30u, 100u}[bits() % 6];
    curve.measured(rows, truth(rows) * std::exp(noise(bits)));
  }
  for (const std::uint32_t rows : {1u, 2u, 4u, 8u}) {
    EXPECT_NEAR(curve.seconds(rows) / truth(rows), 1, 0.06) << rows;
  }
}

TEST(CostCurve, a_size_never_seen_is_hoped_to_be_cheap_until_it_is_tried) {
  CostCurve curve;  // a launch of more than 4 rows costs half as much again
  curve.measured(2, 1.0);
  curve.measured(8, 1.5);
  EXPECT_LT(curve.seconds(4), 1.1) << "between 2 and 8 it need not lie on a line";
  EXPECT_GT(curve.seconds(4), 1.0);
  curve.measured(4, 1.4);
  EXPECT_NEAR(curve.seconds(4), 1.4, 0.05);
  EXPECT_LE(curve.seconds(7), curve.seconds(8) + 1e-9);

  CostCurve flat;  // behind the largest size a row costs no more than the rows before it
  flat.measured(16, 1.15);
  flat.measured(32, 1.31);
  EXPECT_NEAR(flat.seconds(64), 1.63, 1e-6);
}

TEST(CostCurve, a_machine_that_slows_down_is_followed_at_every_size_at_once) {
  CostCurve curve;
  for (int i = 0; i < 100; ++i) {
    for (const std::uint32_t rows : {1u, 4u, 16u}) curve.measured(rows, truth(rows));
  }
  for (int i = 0; i < 60; ++i) curve.measured(1, 2 * truth(1));  // only one size runs meanwhile
  EXPECT_NEAR(curve.seconds(16) / curve.seconds(1) / (truth(16) / truth(1)), 1, 0.15);
  EXPECT_GT(curve.seconds(16), 1.5 * truth(16));
}

TEST(CostCurve, one_launch_that_was_interrupted_is_not_believed) {
  CostCurve curve;
  for (int i = 0; i < 50; ++i) curve.measured(2, truth(2));
  curve.measured(2, 100 * truth(2));
  EXPECT_LT(curve.seconds(2), 1.2 * truth(2));
}

TEST(CostCurve, launches_timed_together_are_told_apart_by_their_other_measurements) {
  CostCurve curve;
  for (int i = 0; i < 2000; ++i) {
    const std::uint32_t both[] = {4, 1};
    curve.measured(both, truth(4) + truth(1));
    curve.measured(1, truth(1));
  }
  EXPECT_NEAR(curve.seconds(4) / truth(4), 1, 0.05);
  EXPECT_NEAR(curve.seconds(1) / truth(1), 1, 0.05);
}

TEST(CostCurve, another_process_starts_from_what_this_one_learnt) {
  CostCurve curve;
  for (int time = 0; time < 3; ++time) {
    for (const std::uint32_t rows : {1u, 5u, 64u}) curve.measured(rows, truth(rows));
  }
  curve.measured(9, 100.0);  // once, and perhaps interrupted
  auto points = curve.points();
  ASSERT_EQ(points.size(), 3u);
  points.push_back({0, 1.0});
  points.push_back({7, -1.0});
  points.push_back({7, std::nan("")});
  const CostCurve next{points};
  EXPECT_EQ(next.points().size(), 3u);
  for (const std::uint32_t rows : {1u, 5u, 64u}) {
    EXPECT_NEAR(next.seconds(rows) / truth(rows), 1, 1e-6);
  }
  CostCurve disturbed = next;
  disturbed.measured(1, 100 * truth(1));
  EXPECT_LT(disturbed.seconds(1), 1.5 * truth(1)) << "one measurement is not believed over it";
}

TEST(CostCurve, nonsense_is_ignored) {
  CostCurve curve;
  curve.measured(3, 0);
  curve.measured(3, -1);
  curve.measured(3, std::nan(""));
  EXPECT_TRUE(curve.points().empty());
}

}  // namespace
}  // namespace outrider
