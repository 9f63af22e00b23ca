// What the engine's thread tells the rest of the server about itself.
#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "server/histogram.h"

namespace outrider {

// Names a request to an engine thread; 0 names none.
using TicketId = Id<struct TicketIdTag, std::uint64_t>;

struct SlotState {
  TicketId ticket{0};  // of the request that has the slot; 0: the slot is free
  std::uint32_t prompt_tokens = 0;
  std::uint32_t computed = 0;  // rows
  std::uint32_t tokens = 0;    // generated
};

// Seconds, in the steps that vLLM's metrics of these names have.
inline constexpr std::array<double, 22> kFirstTokenBounds = {
    0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75,
    1,     2.5,   5,    7.5,  10,   20,   40,   80,  160,  640, 2560};
inline constexpr std::array<double, 19> kInterTokenBounds = {
    0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80};
inline constexpr std::array<double, 21> kRequestBounds = {
    0.3, 0.5, 0.8, 1, 1.5, 2, 2.5, 5, 10, 15, 20, 30, 40, 50, 60, 120, 240, 480, 960, 1920, 7680};
inline constexpr std::array<double, 15> kTokenCountBounds = {
    1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000, 50000};

// Requests that are over, by how they ended.
struct FinishCounts {
  std::uint64_t stop = 0, length = 0, cancelled = 0, failed = 0, overflowed = 0;
};

struct EngineState {
  bool stopping = false;
  std::uint32_t failed_steps = 0;  // since the last that did not fail
  std::string failure;             // of the last that failed

  std::uint32_t running = 0, waiting = 0;
  std::vector<SlotState> slots;
  EngineCounters counters;
  PrefixCacheCounts prefix;
  // Pages of keys and values of the layers that forget nothing, and of them those that running
  // requests need: what only cached prefixes hold is as good as free.
  std::uint32_t pages = 0, pages_used = 0;

  FinishCounts finished;
  std::uint64_t prompt_tokens = 0, cached_tokens = 0, reply_tokens = 0;  // of all that are over
  Histogram first_token_seconds{kFirstTokenBounds};
  Histogram inter_token_seconds{kInterTokenBounds};  // between tokens that came with one step
  Histogram request_seconds{kRequestBounds};
  Histogram queue_seconds{kRequestBounds};
  Histogram prompt_lengths{kTokenCountBounds};
  Histogram reply_lengths{kTokenCountBounds};

  bool ready() const { return !stopping && failed_steps < 3; }
};

}  // namespace outrider
