// The forward passes of the target and of the drafter, told to a recorder.
#pragma once
#include "model/model.h"
#include "step/backend.h"
#include "step/plan.h"
#include "step/recorder.h"

namespace outrider {

// Records the target: tokens in, keys and values appended, logits and hidden rows of the logit rows
// out.
void record_target(TargetRecorder& r, const TargetModel& model);

// Records one draft step: token and hidden row in, logits and the next hidden row out. `target`
// lends its embedding.
void record_drafter(DraftRecorder& r, const DrafterModel& drafter, const TargetModel& target);

// A plan sees the model and a shape, and nothing else: no pool, no batch, no slot count.
Plan<TargetShape> make_plan(Backend& backend, const TargetModel& model, TargetShape shape);
Plan<DraftShape> make_plan(Backend& backend, const DrafterModel& drafter, const TargetModel& target,
                           DraftShape shape);

}  // namespace outrider
