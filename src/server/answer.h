// One request's replies on their way from the engine to its client.
#pragma once
#include <memory>
#include <optional>
#include <vector>

#include "server/api_reply.h"
#include "server/engine_thread.h"
#include "server/exchange.h"
#include "server/prompt_renderer.h"
#include "server/reply_reader.h"

namespace outrider {

struct AnswerLimits {
  // Bytes that a client may leave unread before its reply is cut.
  std::size_t unread_bytes = std::size_t{256} << 10;
  // Tokens of a reply that may wait for the HTTP side.
  std::size_t waiting_tokens = 4096;
};

// Belongs to an exchange's own thread of work: everything here runs in handle() or in work that was
// posted to the exchange. Kept alive by the replies that are under way.
class Answer : public std::enable_shared_from_this<Answer> {
 public:
  // `vocabulary` outlives the answer.
  Answer(std::shared_ptr<Exchange> exchange, std::shared_ptr<EngineThread> engine,
         const Vocabulary& vocabulary, ApiRequest request, AnswerLimits limits);

  // Asks the engine for every reply, or tells the client why not. Called once.
  void start(const PromptRenderer& renderer, const std::vector<RenderedPrompt>& prompts,
             ReplyHead head);

 private:
  // One reply to one prompt.
  struct Choice {
    Choice(const Vocabulary& vocabulary, const ApiRequest& request, ReplyReader::Options options)
        : reader(vocabulary, request, options) {}
    std::shared_ptr<ReplyQueue> queue{};
    TicketId ticket{0};
    ReplyReader reader;
    bool is_cut = false;  // by the reader: what comes from the engine is no part of it any more
    bool is_over = false;
    WholeReply whole{};  // of a stream only the end
  };

  std::vector<EngineJob> jobs(const PromptRenderer& renderer,
                              const std::vector<RenderedPrompt>& prompts);
  void read(std::uint32_t index);
  ReplyToken reply_token(CertainToken token) const;
  bool ended_badly(Choice& choice, const ReplyNews& news);
  void finish(Choice& choice, const Finish& finish);
  void deliver(std::uint32_t index, ReplyDelta delta);
  void complete();
  void fail(const ApiError& error);
  void cancel_all();

  std::shared_ptr<Exchange> exchange_;
  std::shared_ptr<EngineThread> engine_;
  const Vocabulary& vocabulary_;
  ApiRequest request_;
  AnswerLimits limits_;
  std::unique_ptr<ReplyWriter> writer_;
  std::vector<Choice> choices_;
  std::size_t open_ = 0;  // choices that are not over
  bool is_done_ = false;  // nothing more is said to the client
};

// What the client is told of an engine's error.
ApiError api_error_of(const Error& error);
// Says why a request cannot be served, in the words of its API.
void refuse(Exchange& exchange, ApiKind kind, const ApiError& error);

}  // namespace outrider
