// /metrics: the engine's state in Prometheus' text format.
#pragma once
#include <cstdint>
#include <string>

#include "server/engine_state.h"

namespace outrider {

inline constexpr const char* kMetricsType = "text/plain; version=0.0.4; charset=utf-8";

struct MetricsLabels {
  std::string model;
  std::uint32_t context = 0;
  std::uint32_t slots = 0;
};

// Outrider's own names, and vLLM's with the meanings they have there, so that dashboards made for
// it show this server too (vllm/v1/metrics/loggers.py, vllm/v1/spec_decode/metrics.py).
std::string metrics_text(const EngineState& state, const MetricsLabels& labels);

}  // namespace outrider
