// What `outrider bench` found, as tables for people and as one JSON object.
#pragma once
#include <boost/json.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "app/bench_run.h"
#include "model/model.h"

namespace outrider {

struct PrefillResult {
  std::uint32_t prompt_rows;
  double rate;  // rows per second
};

struct DecodeResult {
  std::uint32_t prompt_rows;
  double rate;              // tokens per second of one slot without drafts
  double bytes_per_second;  // of weights read
};

// One draft step of so many sequences, beside the target launches around it.
struct DraftResult {
  std::uint32_t sequences;
  double draft_ms;       // of one step
  double plain_ms;       // of a target launch of one row for each
  std::uint32_t drafts;  // each drafts so many tokens
  double verify_ms;      // of the target launch that verifies them
};

// One way to serve: medians over the repeats, counts summed up.
struct ServeResult {
  std::uint32_t prompt_rows;
  std::uint32_t slots;
  std::string drafts;
  double rate;                       // tokens per second, of all slots together
  std::optional<double> over_plain;  // times the rate without drafts, paired in each repeat
  double draft_ms, target_ms;        // of a step
  ServeSample sum;
};

struct BenchResults {
  std::string device, model;
  double bandwidth;  // bytes per second that the machine was measured to read
  RowWork token;
  RowWork prompt_token;  // that is not the prompt's last
  std::vector<PrefillResult> prefill{};
  std::vector<DecodeResult> decode{};
  std::vector<DraftResult> draft{};
  std::vector<ServeResult> serve{};
};

// The medians of `samples`, one of each repeat, beside those without drafts in the same repeats
// (empty: none were run).
ServeResult summed_up(const std::vector<ServeSample>& samples,
                      const std::vector<ServeSample>& plain);

void print_tables(const BenchResults& results);
boost::json::object bench_json(const BenchResults& results);

}  // namespace outrider
