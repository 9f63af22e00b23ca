// Counts of measurements by size, as Prometheus wants them.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

namespace outrider {

class Histogram {
 public:
  // `bounds` ascend and outlive the histogram; what is larger than the last is counted too.
  explicit Histogram(std::span<const double> bounds) : bounds_(bounds), counts_(bounds.size()) {}

  void observe(double value) {
    sum_ += value;
    ++count_;
    for (std::size_t i = 0; i < bounds_.size(); ++i) {
      if (value <= bounds_[i]) {
        ++counts_[i];
        return;
      }
    }
  }

  std::span<const double> bounds() const { return bounds_; }
  // [bounds] Measurements above the bound before and up to this one.
  std::span<const std::uint64_t> counts() const { return counts_; }
  std::uint64_t count() const { return count_; }
  double sum() const { return sum_; }

 private:
  std::span<const double> bounds_;
  std::vector<std::uint64_t> counts_;
  std::uint64_t count_ = 0;
  double sum_ = 0;
};

}  // namespace outrider
