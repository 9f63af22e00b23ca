// OpenAI's chat.completion and its chunks.
#include <fmt/format.h>

#include <boost/json.hpp>

#include "server/reply_json.h"

namespace outrider {
namespace {

namespace json = boost::json;

class ChatReplyWriter final : public ReplyWriter {
 public:
  ChatReplyWriter(const ApiRequest& request, ReplyHead head)
      : request_(&request), head_(std::move(head)), choices_(request.choices) {}

  std::string body(std::span<const WholeReply> choices) override {
    json::array list;
    std::vector<ReplyEnd> ends;
    for (std::uint32_t i = 0; i < choices.size(); ++i) {
      list.emplace_back(whole_choice(i, choices[i]));
      ends.push_back(choices[i].end);
    }
    return json_text(json::object{{"id", "chatcmpl-" + head_.id},
                                  {"object", "chat.completion"},
                                  {"created", head_.created},
                                  {"model", head_.model},
                                  {"choices", std::move(list)},
                                  {"usage", openai_usage(total_usage(*request_, ends))}});
  }

  std::string begin() override {
    std::string text;
    for (std::uint32_t i = 0; i < request_->choices; ++i) {
      text += chunk(i, {{"role", "assistant"}, {"content", ""}}, nullptr, nullptr);
    }
    return text;
  }

  std::string delta(std::uint32_t choice, const ReplyDelta& delta) override {
    std::string text;
    json::value logprobs;  // go with the first chunk of the delta
    if (request_->wants_logprobs && !delta.tokens.empty()) {
      logprobs = json::object{{"content", openai_logprobs(delta.tokens)}, {"refusal", nullptr}};
    }
    for (const ReplyEvent& event : delta.events) {
      if (event.kind == ReplyEvent::Kind::kWarning) {
        choices_[choice].warnings.emplace_back(event.text);
        continue;
      }
      text += chunk(choice, delta_json(choice, event), nullptr, std::move(logprobs));
      logprobs = nullptr;
    }
    if (!logprobs.is_null()) text += chunk(choice, {}, nullptr, std::move(logprobs));
    return text;
  }

  std::string end(std::uint32_t choice, const ReplyEnd& end) override {
    choices_[choice].end = end;
    return chunk(choice, {}, finish_reason(end, choices_[choice].calls > 0), nullptr);
  }

  std::string finish() override {
    std::string text;
    if (request_->include_usage) {
      std::vector<ReplyEnd> ends;
      for (const Choice& choice : choices_) ends.push_back(choice.end);
      json::object last = chunk_head(json::array());
      last["usage"] = openai_usage(total_usage(*request_, ends));
      text = sse(last);
    }
    return text + "data: [DONE]\n\n";
  }

 private:
  struct Choice {
    std::size_t calls = 0;
    json::array warnings;
    ReplyEnd end;
  };

  static json::value finish_reason(const ReplyEnd& end, bool has_calls) {
    if (end.reason == StopReason::kLength) return "length";
    return has_calls ? "tool_calls" : "stop";
  }

  json::object call_json(std::uint32_t choice, std::size_t index, const ReplyEvent& call) const {
    return {{"id", call_id(head_, choice, index)},
            {"type", "function"},
            {"function", {{"name", call.text}, {"arguments", json_text(call.arguments)}}}};
  }

  json::object whole_choice(std::uint32_t choice, const WholeReply& reply) const {
    ReplyContents contents = contents_of(reply.events);
    json::object message{
        {"role", "assistant"}, {"content", contents.content}, {"refusal", nullptr}};
    if (contents.content.empty() && !contents.calls.empty()) message["content"] = nullptr;
    if (!contents.thinking.empty()) message["reasoning_content"] = contents.thinking;
    if (!contents.calls.empty()) {
      json::array calls;
      for (std::size_t i = 0; i < contents.calls.size(); ++i) {
        calls.emplace_back(call_json(choice, i, *contents.calls[i]));
      }
      message["tool_calls"] = std::move(calls);
    }
    json::value logprobs;
    if (request_->wants_logprobs) {
      logprobs = json::object{{"content", openai_logprobs(reply.tokens)}, {"refusal", nullptr}};
    }
    json::object result{{"index", choice},
                        {"message", std::move(message)},
                        {"logprobs", std::move(logprobs)},
                        {"finish_reason", finish_reason(reply.end, !contents.calls.empty())}};
    if (!contents.warnings.empty()) result["warnings"] = std::move(contents.warnings);
    return result;
  }

  json::object delta_json(std::uint32_t choice, const ReplyEvent& event) {
    if (event.kind == ReplyEvent::Kind::kThinking) return {{"reasoning_content", event.text}};
    if (event.kind == ReplyEvent::Kind::kContent) return {{"content", event.text}};
    const std::size_t index = choices_[choice].calls++;
    json::object call{{"index", index}};
    for (const json::key_value_pair& pair : call_json(choice, index, event)) {
      call[pair.key()] = pair.value();
    }
    return {{"tool_calls", json::array{std::move(call)}}};
  }

  json::object chunk_head(json::array choices) const {
    return {{"id", "chatcmpl-" + head_.id},
            {"object", "chat.completion.chunk"},
            {"created", head_.created},
            {"model", head_.model},
            {"choices", std::move(choices)}};
  }

  std::string chunk(std::uint32_t choice, json::object delta, const json::value& finish_reason,
                    json::value logprobs) {
    json::object item{{"index", choice},
                      {"delta", std::move(delta)},
                      {"logprobs", std::move(logprobs)},
                      {"finish_reason", finish_reason}};
    if (!finish_reason.is_null() && !choices_[choice].warnings.empty()) {
      item["warnings"] = choices_[choice].warnings;
    }
    json::array list;
    list.emplace_back(std::move(item));
    return sse(chunk_head(std::move(list)));
  }

  const ApiRequest* request_;
  ReplyHead head_;
  std::vector<Choice> choices_;
};

}  // namespace

std::unique_ptr<ReplyWriter> make_chat_writer(const ApiRequest& request, ReplyHead head) {
  return std::make_unique<ChatReplyWriter>(request, std::move(head));
}

}  // namespace outrider
