#include "server/metrics.h"

#include <fmt/format.h>

#include <iterator>
#include <string_view>

namespace outrider {
namespace {

std::string escaped(std::string_view text) {
  std::string result;
  for (const char c : text) {
    if (c == '\n') {
      result += "\\n";
      continue;
    }
    if (c == '\\' || c == '"') result += '\\';
    result += c;
  }
  return result;
}

class MetricsWriter {
 public:
  // `labels` are those of every line: `a="b",c="d"`.
  explicit MetricsWriter(std::string labels) : labels_(std::move(labels)) {}

  void gauge(std::string_view name, std::string_view help, double value) {
    head(name, help, "gauge");
    line(name, "", value);
  }
  void counter(std::string_view name, std::string_view help, double value) {
    const std::string total = fmt::format("{}_total", name);
    head(total, help, "counter");
    line(total, "", value);
  }
  void head(std::string_view name, std::string_view help, std::string_view type) {
    fmt::format_to(std::back_inserter(text_), "# HELP {} {}\n# TYPE {} {}\n", name, help, name,
                   type);
  }
  // `labels` beside those of every line, each behind a comma.
  void line(std::string_view name, std::string_view labels, double value) {
    fmt::format_to(std::back_inserter(text_), "{}{{{}{}}} {}\n", name, labels_, labels, value);
  }
  void histogram(std::string_view name, std::string_view help, const Histogram& histogram) {
    head(name, help, "histogram");
    const std::string bucket = fmt::format("{}_bucket", name);
    std::uint64_t up_to = 0;
    for (std::size_t i = 0; i < histogram.bounds().size(); ++i) {
      up_to += histogram.counts()[i];
      line(bucket, fmt::format(",le=\"{}\"", histogram.bounds()[i]), static_cast<double>(up_to));
    }
    const auto count = static_cast<double>(histogram.count());
    line(bucket, ",le=\"+Inf\"", count);
    line(fmt::format("{}_sum", name), "", histogram.sum());
    line(fmt::format("{}_count", name), "", count);
  }

  std::string take() && { return std::move(text_); }

 private:
  std::string labels_;
  std::string text_;
};

double number(std::uint64_t count) {
  return static_cast<double>(count);
}

double share(std::uint64_t part, std::uint64_t whole) {
  return whole > 0 ? number(part) / number(whole) : 0.0;
}

void write_vllm_state(MetricsWriter& out, const EngineState& state, const MetricsLabels& labels) {
  out.gauge("vllm:num_requests_running", "Number of requests in model execution batches.",
            state.running);
  out.gauge("vllm:num_requests_waiting", "Number of requests waiting to be processed.",
            state.waiting);
  out.gauge("vllm:kv_cache_usage_perc", "KV-cache usage. 1 means 100 percent usage.",
            share(state.pages_used, state.pages));
  out.head("vllm:cache_config_info", "Information of the cache of keys and values.", "gauge");
  out.line("vllm:cache_config_info",
           fmt::format(",block_size=\"{}\",num_gpu_blocks=\"{}\",enable_prefix_caching=\"True\","
                       "max_model_len=\"{}\"",
                       kPageRows, state.pages, labels.context),
           1);
}

void write_vllm_counters(MetricsWriter& out, const EngineState& state) {
  const EngineCounters& counters = state.counters;
  out.counter("vllm:prefix_cache_queries", "Prefix cache queries, in tokens of prompts.",
              number(counters.prompt_rows + counters.cached_rows));
  out.counter("vllm:prefix_cache_hits", "Prefix cache hits, in tokens found in the cache.",
              number(counters.cached_rows));
  out.counter("vllm:num_preemptions", "Requests that were paused because the pool was full.",
              number(counters.pauses));
  out.counter("vllm:prompt_tokens", "Number of prefill tokens processed.",
              number(counters.prompt_rows));
  out.counter("vllm:generation_tokens", "Number of generation tokens processed.",
              number(counters.tokens));
  out.head("vllm:request_success_total", "Count of requests that are over, by how they ended.",
           "counter");
  const FinishCounts& finished = state.finished;
  const auto ended = [&](const char* reason, std::uint64_t count) {
    out.line("vllm:request_success_total", fmt::format(",finished_reason=\"{}\"", reason),
             number(count));
  };
  ended("stop", finished.stop);
  ended("length", finished.length);
  ended("abort", finished.cancelled + finished.overflowed);
  ended("error", finished.failed);
}

void write_vllm_speculation(MetricsWriter& out, const SpeculationCounts& counts) {
  out.counter("vllm:spec_decode_num_drafts", "Number of spec decoding drafts.",
              number(counts.rounds));
  out.counter("vllm:spec_decode_num_draft_tokens", "Number of draft tokens.",
              number(counts.drafted));
  out.counter("vllm:spec_decode_num_accepted_tokens", "Number of accepted tokens.",
              number(counts.accepted));
  constexpr const char* kPerPosition = "vllm:spec_decode_num_accepted_tokens_per_pos_total";
  out.head(kPerPosition, "Accepted tokens per draft position.", "counter");
  for (std::size_t i = 0; i < counts.accepted_per_position.size(); ++i) {
    out.line(kPerPosition, fmt::format(",position=\"{}\"", i),
             number(counts.accepted_per_position[i]));
  }
}

void write_vllm_histograms(MetricsWriter& out, const EngineState& state) {
  out.histogram("vllm:time_to_first_token_seconds", "Histogram of time to first token in seconds.",
                state.first_token_seconds);
  out.histogram("vllm:inter_token_latency_seconds",
                "Histogram of inter-token latency in seconds; tokens of one step came together.",
                state.inter_token_seconds);
  out.histogram("vllm:e2e_request_latency_seconds", "Histogram of e2e request latency in seconds.",
                state.request_seconds);
  out.histogram("vllm:request_queue_time_seconds",
                "Histogram of time spent waiting for a slot in seconds.", state.queue_seconds);
  out.histogram("vllm:request_prompt_tokens", "Number of prefill tokens processed.",
                state.prompt_lengths);
  out.histogram("vllm:request_generation_tokens", "Number of generation tokens processed.",
                state.reply_lengths);
}

void write_own(MetricsWriter& out, const EngineState& state, const MetricsLabels& labels) {
  const EngineCounters& counters = state.counters;
  const SpeculationCounts& drafts = counters.speculative;
  out.gauge("outrider_slots", "Requests that may run at once.", labels.slots);
  out.gauge("outrider_kv_pages", "Pages of keys and values of the full layers.", state.pages);
  out.gauge("outrider_kv_pages_used", "Pages of them that running requests need.",
            state.pages_used);
  out.gauge("outrider_ready", "Whether requests are taken.", state.ready() ? 1 : 0);
  out.counter("outrider_steps", "Turns of the engine.", number(counters.steps));
  out.counter("outrider_target_seconds", "Time in launches of the target.",
              counters.target_seconds);
  out.counter("outrider_draft_seconds", "Time in rounds of the drafter.", counters.draft_seconds);
  out.counter("outrider_logit_rows", "Rows whose logits were computed.",
              number(counters.logit_rows));
  out.counter("outrider_replies_cut_unread", "Replies that were cut because nobody read them.",
              number(state.finished.overflowed));
  out.gauge("outrider_prefix_checkpoints", "Beginnings of texts that are kept.",
            number(state.prefix.checkpoints));
  out.counter("outrider_prefix_evictions", "Beginnings of texts that had to go.",
              number(state.prefix.evictions));
  out.gauge("outrider_draft_acceptance", "Share of all drafts that stood.",
            share(drafts.accepted, drafts.drafted));
  constexpr const char* kDrafted = "outrider_drafted_per_position_total";
  out.head(kDrafted, "Tokens drafted per draft position.", "counter");
  for (std::size_t i = 0; i < drafts.drafted_per_position.size(); ++i) {
    out.line(kDrafted, fmt::format(",position=\"{}\"", i), number(drafts.drafted_per_position[i]));
  }
}

}  // namespace

std::string metrics_text(const EngineState& state, const MetricsLabels& labels) {
  MetricsWriter out(fmt::format("model_name=\"{}\",engine=\"0\"", escaped(labels.model)));
  write_vllm_state(out, state, labels);
  write_vllm_counters(out, state);
  write_vllm_speculation(out, state.counters.speculative);
  write_vllm_histograms(out, state);
  write_own(out, state, labels);
  return std::move(out).take();
}

}  // namespace outrider
