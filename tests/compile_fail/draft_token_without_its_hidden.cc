// A draft starts from a judgement, not from a token alone.
#include "step/batch.h"

namespace outrider::draft_token_without_its_hidden {

#ifdef LAWFUL
void f(DraftBatch& batch, const Judgement& judged) {
  batch.add(judged);
}
#else
void f(DraftBatch& batch, const Sequence& s) {
  batch.add(s, TokenId(7));
}
#endif

}  // namespace outrider::draft_token_without_its_hidden
