#include "step/plan.h"

namespace outrider {

Launch<TargetShape>::Launch(const Plan<TargetShape>& plan, const TargetBatch& batch,
                            const KvPool& pool)
    : plan_(&plan),
      step_(batch.step()),
      live_(batch.shape()),
      rows_(batch.rows().begin(), batch.rows().end()),
      logit_rows_(batch.logit_rows().begin(), batch.logit_rows().end()) {
  rows_.resize(plan.shape.rows, Row{TokenId(0), Pos(0), pool.padding()});
  logit_rows_.resize(plan.shape.logit_rows, 0);
}

Launch<DraftShape>::Launch(const Plan<DraftShape>& plan, const DraftBatch& batch,
                           const KvPool& pool)
    : plan_(&plan),
      live_(batch.shape()),
      rows_(batch.rows().begin(), batch.rows().end()),
      hidden_(batch.hidden().begin(), batch.hidden().end()) {
  rows_.resize(plan.shape.seqs, Row{TokenId(0), Pos(0), pool.padding()});
}

}  // namespace outrider
