// Measures how well a drafter rides ahead of its target, on prompts of several kinds.
#pragma once
#include <string>

#include "engine/engine.h"
#include "engine/runtime.h"
#include "text/chat.h"
#include "text/vocabulary.h"

namespace outrider {

struct DraftCheckOptions {
  ChatOptions chat;
  std::uint32_t drafts = 3;  // every round
  Verification verification = Verification::kCoupled;
};

// A table for people: drafts that stood, by prompt and by position. kBadRequest without a drafter.
Result<std::string> check_drafts(Runtime& runtime, const Vocabulary& vocabulary,
                                 const DraftCheckOptions& options);

}  // namespace outrider
