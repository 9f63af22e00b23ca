// Anthropic's message and its stream of content blocks.
#include <fmt/format.h>

#include <boost/json.hpp>

#include "server/reply_json.h"

namespace outrider {
namespace {

namespace json = boost::json;
using Kind = ReplyEvent::Kind;

class MessageWriter final : public ReplyWriter {
 public:
  MessageWriter(const ApiRequest&, ReplyHead head) : head_(std::move(head)) {}

  std::string body(std::span<const WholeReply> choices) override {
    const WholeReply& reply = choices.front();
    json::array blocks;
    json::array warnings;
    for (const ReplyEvent& event : reply.events) {
      if (event.kind == Kind::kWarning) {
        warnings.emplace_back(event.text);
        continue;
      }
      blocks.emplace_back(block(event));
    }
    json::object message = message_json(std::move(blocks), usage_json(reply.end.usage));
    set_stop(message, reply.end);
    if (!warnings.empty()) message["warnings"] = std::move(warnings);
    return json_text(message);
  }

  std::string begin() override {
    json::object usage{{"input_tokens", head_.prompt_tokens},
                       {"cache_creation_input_tokens", 0},
                       {"cache_read_input_tokens", 0},
                       {"output_tokens", 0}};
    return event("message_start", {{"message", message_json({}, std::move(usage))}});
  }

  std::string delta(std::uint32_t, const ReplyDelta& delta) override {
    std::string text;
    for (const ReplyEvent& each : delta.events) {
      if (each.kind == Kind::kWarning) {
        warnings_.emplace_back(each.text);
        continue;
      }
      if (!open_ || *open_ != each.kind || each.kind == Kind::kToolCall) {
        text += close();
        text += open(each);
      }
      text += event("content_block_delta", {{"index", index_}, {"delta", delta_json(each)}});
    }
    return text;
  }

  std::string end(std::uint32_t, const ReplyEnd& end) override {
    std::string text = close();
    json::object reason;
    set_stop(reason, end);
    json::object last{{"delta", std::move(reason)}, {"usage", usage_json(end.usage)}};
    if (!warnings_.empty()) last["warnings"] = warnings_;
    return text + event("message_delta", std::move(last));
  }

  std::string finish() override { return event("message_stop", {}); }

 private:
  static std::string event(const char* type, json::object fields) {
    json::object whole{{"type", type}};
    for (json::key_value_pair& pair : fields) whole[pair.key()] = std::move(pair.value());
    return sse(whole, type);
  }

  json::object message_json(json::array blocks, json::object usage) const {
    return {{"id", "msg_" + head_.id},      {"type", "message"},
            {"role", "assistant"},          {"model", head_.model},
            {"content", std::move(blocks)}, {"stop_reason", nullptr},
            {"stop_sequence", nullptr},     {"usage", std::move(usage)}};
  }

  // Anthropic counts cached tokens apart from input tokens.
  static json::object usage_json(const ReplyUsage& usage) {
    return {{"input_tokens", usage.prompt_tokens - usage.cached_tokens},
            {"cache_creation_input_tokens", 0},
            {"cache_read_input_tokens", usage.cached_tokens},
            {"output_tokens", usage.reply_tokens},
            {"speculative", speculative_json(usage.speculative)}};
  }

  void set_stop(json::object& target, const ReplyEnd& end) const {
    json::value sequence;
    const char* reason = calls_ > 0 ? "tool_use" : "end_turn";
    if (end.reason == StopReason::kLength) {
      reason = "max_tokens";
    } else if (end.reason == StopReason::kStopString) {
      reason = "stop_sequence";
      sequence = end.stop_string;
    }
    target["stop_reason"] = reason;
    target["stop_sequence"] = std::move(sequence);
  }

  std::string next_call_id() { return fmt::format("toolu_{}{:02}", head_.id, calls_++); }

  json::object block(const ReplyEvent& each) {
    if (each.kind == Kind::kThinking) {
      return {{"type", "thinking"}, {"thinking", each.text}, {"signature", ""}};
    }
    if (each.kind == Kind::kContent) return {{"type", "text"}, {"text", each.text}};
    return {{"type", "tool_use"},
            {"id", next_call_id()},
            {"name", each.text},
            {"input", each.arguments}};
  }

  std::string open(const ReplyEvent& each) {
    open_ = each.kind;
    ReplyEvent empty{.kind = each.kind, .text = {}, .arguments = {}};
    if (each.kind == Kind::kToolCall) empty.text = each.text;
    return event("content_block_start", {{"index", index_}, {"content_block", block(empty)}});
  }

  std::string close() {
    if (!open_) return {};
    open_.reset();
    return event("content_block_stop", {{"index", index_++}});
  }

  static json::object delta_json(const ReplyEvent& each) {
    if (each.kind == Kind::kThinking) return {{"type", "thinking_delta"}, {"thinking", each.text}};
    if (each.kind == Kind::kContent) return {{"type", "text_delta"}, {"text", each.text}};
    return {{"type", "input_json_delta"}, {"partial_json", json_text(each.arguments)}};
  }

  ReplyHead head_;
  std::size_t calls_ = 0;
  std::uint32_t index_ = 0;  // of the block that is open or comes next
  std::optional<Kind> open_;
  json::array warnings_;
};

}  // namespace

std::unique_ptr<ReplyWriter> make_message_writer(const ApiRequest& request, ReplyHead head) {
  return std::make_unique<MessageWriter>(request, std::move(head));
}

}  // namespace outrider
