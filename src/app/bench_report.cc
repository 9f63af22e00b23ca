#include "app/bench_report.h"

#include <fmt/format.h>

#include <cstdio>

#include "kv/budget.h"

namespace outrider {
namespace {

template <class Value>
double median_of(const std::vector<ServeSample>& samples, Value&& value) {
  std::vector<double> values;
  values.reserve(samples.size());
  for (const ServeSample& sample : samples) values.push_back(value(sample));
  return median(std::move(values));
}

void add(SpeculationCounts& to, const SpeculationCounts& what) {
  to.rounds += what.rounds;
  to.drafted += what.drafted;
  to.accepted += what.accepted;
  for (std::size_t i = 0; i < kDraftsMax; ++i) {
    to.accepted_per_position[i] += what.accepted_per_position[i];
    to.drafted_per_position[i] += what.drafted_per_position[i];
  }
}

std::string in_short(const std::vector<double>& shares) {
  std::string text;
  for (const double share : shares) text += fmt::format("{}{:.2f}", text.empty() ? "" : " ", share);
  return text;
}

void print_serve(const std::vector<ServeResult>& serve) {
  fmt::print(
      "\nserve      context  slots  drafts  tokens/s  of plain  tokens/round  rows/step  "
      "draft ms  verify ms  accepted per position\n");
  for (const ServeResult& r : serve) {
    fmt::print(
        "           {:>7}  {:>5}  {:>6}  {:>8.1f}  {:>8}  {:>12.2f}  {:>9.2f}  {:>8.2f}  "
        "{:>9.2f}  {}\n",
        r.prompt_rows, r.slots, r.drafts, r.rate,
        r.over_plain ? fmt::format("{:.2f}", *r.over_plain) : "", r.sum.mean_length(),
        r.sum.rows_per_step(), r.draft_ms, r.target_ms, in_short(r.sum.acceptance()));
  }
}

boost::json::array serve_json(const std::vector<ServeResult>& serve) {
  boost::json::array rows;
  for (const ServeResult& r : serve) {
    const std::vector<double> acceptance = r.sum.acceptance();
    boost::json::object row{
        {"context", r.prompt_rows},
        {"slots", r.slots},
        {"drafts", r.drafts},
        {"tokens_per_second", r.rate},
        {"mean_length", r.sum.mean_length()},
        {"rows_per_step", r.sum.rows_per_step()},
        {"draft_ms", r.draft_ms},
        {"verify_ms", r.target_ms},
        {"accepted_per_position", boost::json::array(acceptance.begin(), acceptance.end())}};
    if (r.over_plain) row["of_plain"] = *r.over_plain;
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace

ServeResult summed_up(const std::vector<ServeSample>& samples,
                      const std::vector<ServeSample>& plain) {
  ServeResult result{.prompt_rows = 0,
                     .slots = 0,
                     .drafts = {},
                     .rate = median_of(samples, [](const auto& s) { return s.rate(); }),
                     .over_plain = std::nullopt,
                     .draft_ms = median_of(samples, [](const auto& s) { return s.draft_ms(); }),
                     .target_ms = median_of(samples, [](const auto& s) { return s.target_ms(); }),
                     .sum = {}};
  for (const ServeSample& sample : samples) {
    result.sum.seconds += sample.seconds;
    result.sum.tokens += sample.tokens;
    result.sum.steps += sample.steps;
    result.sum.rows += sample.rows;
    result.sum.draft_seconds += sample.draft_seconds;
    result.sum.target_seconds += sample.target_seconds;
    add(result.sum.speculative, sample.speculative);
  }
  if (plain.size() == samples.size()) {
    std::vector<double> ratios;
    ratios.reserve(samples.size());
    for (std::size_t i = 0; i < samples.size(); ++i) {
      ratios.push_back(samples[i].rate() / plain[i].rate());
    }
    result.over_plain = median(std::move(ratios));
  }
  return result;
}

void print_tables(const BenchResults& results) {
  fmt::print("{}\n{}: {:.1f} GB/s measured; a token reads {} of weights: {:.1f} tokens/s at most\n",
             results.model, results.device, results.bandwidth / 1e9, in_words(results.token.bytes),
             results.bandwidth / static_cast<double>(results.token.bytes));
  fmt::print("\nprefill    prompt   rows/s\n");
  for (const PrefillResult& r : results.prefill) {
    fmt::print("           {:>6}  {:>7.1f}\n", r.prompt_rows, r.rate);
  }
  fmt::print("\ndecode     context  tokens/s    GB/s  of bandwidth\n");
  for (const DecodeResult& r : results.decode) {
    fmt::print("           {:>7}  {:>8.1f}  {:>6.1f}  {:>11.0f}%\n", r.prompt_rows, r.rate,
               r.bytes_per_second / 1e9, 100 * r.bytes_per_second / results.bandwidth);
  }
  if (!results.draft.empty()) {
    fmt::print(
        "\ndraft      sequences  draft step ms  plain launch ms  drafts  verify launch ms\n");
    for (const DraftResult& r : results.draft) {
      fmt::print("           {:>9}  {:>13.2f}  {:>15.2f}  {:>6}  {:>16.2f}\n", r.sequences,
                 r.draft_ms, r.plain_ms, r.drafts, r.verify_ms);
    }
  }
  print_serve(results.serve);
}

boost::json::object bench_json(const BenchResults& results) {
  boost::json::array prefill, decode, draft;
  for (const PrefillResult& r : results.prefill) {
    prefill.push_back(boost::json::object{{"prompt", r.prompt_rows}, {"rows_per_second", r.rate}});
  }
  for (const DecodeResult& r : results.decode) {
    decode.push_back(boost::json::object{{"context", r.prompt_rows},
                                         {"tokens_per_second", r.rate},
                                         {"bytes_per_second", r.bytes_per_second},
                                         {"of_bandwidth", r.bytes_per_second / results.bandwidth}});
  }
  for (const DraftResult& r : results.draft) {
    draft.push_back(boost::json::object{{"sequences", r.sequences},
                                        {"draft_step_ms", r.draft_ms},
                                        {"plain_launch_ms", r.plain_ms},
                                        {"drafts", r.drafts},
                                        {"verify_launch_ms", r.verify_ms}});
  }
  return {{"model", results.model},
          {"device", results.device},
          {"bandwidth_bytes_per_second", results.bandwidth},
          {"weight_bytes_per_token", results.token.bytes},
          {"weight_bytes_per_prompt_token", results.prompt_token.bytes},
          {"products_per_token", results.token.products},
          {"products_per_prompt_token", results.prompt_token.products},
          {"prefill", std::move(prefill)},
          {"decode", std::move(decode)},
          {"draft", std::move(draft)},
          {"serve", serve_json(results.serve)}};
}

}  // namespace outrider
