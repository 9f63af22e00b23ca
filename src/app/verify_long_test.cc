// The slices that take minutes or many gigabytes.
#include <gtest/gtest.h>

#include "app/golden_test_report.h"

namespace outrider {
namespace {

TEST(Slices, twelve_b_at_its_real_widths_is_within_a_ten_thousandth) {
  expect_slice_is_close("12b");
}

TEST(Slices, all_experts_of_26b_a4b_are_within_a_ten_thousandth) {
  expect_slice_is_close("26b-a4b");
}

}  // namespace
}  // namespace outrider
