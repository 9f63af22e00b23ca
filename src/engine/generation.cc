#include "engine/generation.h"

#include <optional>

namespace outrider {
namespace {

class Collector final : public Listener {
 public:
  explicit Collector(const std::function<void(TokenId)>& publish) : publish_(publish) {}
  bool on_tokens(std::span<const GeneratedToken> tokens) override {
    for (const GeneratedToken& token : tokens) {
      result_.tokens.push_back(token.token);
      publish_(token.token);
    }
    return true;
  }
  void on_finish(const Finish& finish) override {
    result_.finish = finish;
    over_ = true;
  }
  bool over() const { return over_; }
  Generation take() { return std::move(result_); }

 private:
  const std::function<void(TokenId)>& publish_;
  Generation result_;
  bool over_ = false;
};

}  // namespace

Result<Generation> generate(Engine& engine, Request request,
                            const std::function<void(TokenId)>& publish) {
  Collector collector(publish);
  auto submitted = engine.submit(std::move(request), collector);
  if (!submitted) return submitted.error();
  while (!collector.over()) {
    if (auto stepped = engine.step(); !stepped) return stepped.error();
  }
  Generation result = collector.take();
  if (result.finish.error) return *result.finish.error;
  return result;
}

Result<Generation> generate(Runtime& runtime, const Vocabulary* vocabulary, Request request,
                            const std::function<void(TokenId)>& publish) {
  Engine engine(runtime, vocabulary, {.slots = 1, .cache_prefixes = false});
  return generate(engine, std::move(request), publish);
}

Result<Judgement> prefill(Runtime& runtime, Sequence& sequence, std::span<const TokenId> prompt,
                          std::uint32_t chunk_rows, const PickToken& pick) {
  require(!prompt.empty() && chunk_rows > 0, "a prompt has at least one token");
  while (prompt.size() > chunk_rows) {
    auto room = runtime.pool().append(sequence, chunk_rows);
    if (!room) return room.error();
    TargetBatch batch = runtime.next_batch();
    KvAppend written = batch.add_unfinished(std::move(*room), prompt.first(chunk_rows));
    auto output = runtime.run(batch);
    if (!output) return output.error();
    std::move(written).commit(chunk_rows);
    prompt = prompt.subspan(chunk_rows);
  }
  auto room = runtime.pool().append(sequence, static_cast<std::uint32_t>(prompt.size()));
  if (!room) return room.error();
  TargetBatch batch = runtime.next_batch();
  Pending pending = batch.add(std::move(*room), prompt, {});
  auto output = runtime.run(batch);
  if (!output) return output.error();
  const Pos next(sequence.length() + static_cast<std::uint32_t>(prompt.size()));
  return std::move(pending).judge(Picks(output->step, {pick(output->logits[0], next)}));
}

}  // namespace outrider
