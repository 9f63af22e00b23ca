// OpenAI's response object and its stream of items and parts.
#include <fmt/format.h>

#include <boost/json.hpp>

#include "server/reply_json.h"

namespace outrider {
namespace {

namespace json = boost::json;
using Kind = ReplyEvent::Kind;

class ResponseWriter final : public ReplyWriter {
 public:
  ResponseWriter(const ApiRequest& request, ReplyHead head)
      : request_(&request), head_(std::move(head)) {}

  std::string body(std::span<const WholeReply> choices) override {
    ReplyDelta all{.events = choices.front().events, .tokens = choices.front().tokens};
    (void)delta(0, all);
    (void)close(status_of(choices.front().end));
    return json_text(ended(choices.front().end));
  }

  std::string begin() override {
    std::string text = event("response.created", {{"response", response("in_progress")}});
    text += event("response.in_progress", {{"response", response("in_progress")}});
    return text;
  }

  std::string delta(std::uint32_t, const ReplyDelta& delta) override {
    std::string text;
    json::array logprobs;
    if (request_->wants_logprobs) logprobs = openai_logprobs(delta.tokens);
    for (const ReplyEvent& each : delta.events) {
      if (each.kind == Kind::kWarning) {
        warnings_.emplace_back(each.text);
        continue;
      }
      if (each.kind == Kind::kToolCall) {
        text += close();
        text += call(each);
        continue;
      }
      if (!open_ || *open_ != each.kind) {
        text += close();
        text += open(each.kind);
      }
      text_ += each.text;
      json::object fields = part_place();
      fields["delta"] = each.text;
      if (each.kind == Kind::kContent) {
        for (const json::value& item : logprobs) logprobs_.push_back(item);
        fields["logprobs"] = std::exchange(logprobs, json::array());
      }
      text += event(each.kind == Kind::kContent ? "response.output_text.delta"
                                                : "response.reasoning_text.delta",
                    std::move(fields));
    }
    return text;
  }

  std::string end(std::uint32_t, const ReplyEnd& end) override {
    std::string text = close(status_of(end));
    const char* type =
        end.reason == StopReason::kLength ? "response.incomplete" : "response.completed";
    return text + event(type, {{"response", ended(end)}});
  }

  std::string finish() override { return {}; }

 private:
  static const char* status_of(const ReplyEnd& end) {
    return end.reason == StopReason::kLength ? "incomplete" : "completed";
  }

  std::string event(const char* type, json::object fields) {
    json::object whole{{"type", type}, {"sequence_number", sequence_++}};
    for (json::key_value_pair& pair : fields) whole[pair.key()] = std::move(pair.value());
    return sse(whole, type);
  }

  json::array tools() const {
    json::array list;
    const auto* conversation = std::get_if<Conversation>(&request_->prompts.front());
    if (conversation == nullptr) return list;
    for (const json::value& tool : conversation->tools) {
      json::object flat{{"type", "function"}};
      for (const json::key_value_pair& pair : tool.at("function").as_object()) {
        flat[pair.key()] = pair.value();
      }
      flat["strict"] = false;
      list.emplace_back(std::move(flat));
    }
    return list;
  }

  json::value tool_choice() const {
    switch (request_->tool_choice.kind) {
      case ToolChoice::Kind::kAuto:
        return "auto";
      case ToolChoice::Kind::kNone:
        return "none";
      case ToolChoice::Kind::kRequired:
        return "required";
      case ToolChoice::Kind::kNamed:
        break;
    }
    return {{"type", "function"}, {"name", request_->tool_choice.name}};
  }

  json::object response(const char* status) const {
    json::value limit, instructions;
    if (request_->tokens_max) limit = *request_->tokens_max;
    if (request_->instructions) instructions = *request_->instructions;
    return {{"id", "resp_" + head_.id},
            {"object", "response"},
            {"created_at", head_.created},
            {"status", status},
            {"error", nullptr},
            {"incomplete_details", nullptr},
            {"instructions", std::move(instructions)},
            {"max_output_tokens", std::move(limit)},
            {"metadata", request_->metadata},
            {"model", head_.model},
            {"output", output_},
            {"parallel_tool_calls", request_->tool_choice.parallel},
            {"previous_response_id", nullptr},
            {"store", false},
            {"temperature", decimal_of(request_->sampling.temperature)},
            {"text", {{"format", {{"type", "text"}}}}},
            {"tool_choice", tool_choice()},
            {"tools", tools()},
            {"top_p", decimal_of(request_->sampling.top_p)},
            {"truncation", "disabled"},
            {"usage", nullptr}};
  }

  json::object ended(const ReplyEnd& end) const {
    const bool is_cut = end.reason == StopReason::kLength;
    json::object whole = response(status_of(end));
    if (is_cut) whole["incomplete_details"] = json::object{{"reason", "max_output_tokens"}};
    const ReplyUsage& usage = end.usage;
    whole["usage"] = {{"input_tokens", usage.prompt_tokens},
                      {"input_tokens_details", {{"cached_tokens", usage.cached_tokens}}},
                      {"output_tokens", usage.reply_tokens},
                      {"output_tokens_details", {{"reasoning_tokens", usage.thinking_tokens}}},
                      {"total_tokens", usage.prompt_tokens + usage.reply_tokens},
                      {"speculative", speculative_json(usage.speculative)}};
    if (!warnings_.empty()) whole["warnings"] = warnings_;
    return whole;
  }

  std::string item_id(const char* prefix) const {
    return fmt::format("{}_{}{:02}", prefix, head_.id, output_.size());
  }

  json::object part_place() const {
    return {{"item_id", item_id(*open_ == Kind::kContent ? "msg" : "rs")},
            {"output_index", output_.size()},
            {"content_index", 0}};
  }

  json::object part() const {
    if (*open_ == Kind::kThinking) return {{"type", "reasoning_text"}, {"text", text_}};
    return {{"type", "output_text"},
            {"text", text_},
            {"annotations", json::array()},
            {"logprobs", logprobs_}};
  }

  json::object item(const char* status, json::array content) const {
    if (*open_ == Kind::kThinking) {
      return {{"id", item_id("rs")},
              {"type", "reasoning"},
              {"summary", json::array()},
              {"content", std::move(content)},
              {"status", status}};
    }
    return {{"id", item_id("msg")},
            {"type", "message"},
            {"status", status},
            {"role", "assistant"},
            {"content", std::move(content)}};
  }

  std::string open(Kind kind) {
    open_ = kind;
    text_.clear();
    logprobs_.clear();
    json::object place = part_place();
    place["part"] = part();
    std::string text = event("response.output_item.added",
                             {{"output_index", output_.size()}, {"item", item("in_progress", {})}});
    text += event("response.content_part.added", std::move(place));
    return text;
  }

  std::string close(const char* status = "completed") {
    if (!open_) return {};
    json::object done = part_place();
    done["text"] = text_;
    if (*open_ == Kind::kContent) done["logprobs"] = logprobs_;
    std::string text = event(
        *open_ == Kind::kContent ? "response.output_text.done" : "response.reasoning_text.done",
        std::move(done));
    json::object place = part_place();
    place["part"] = part();
    text += event("response.content_part.done", std::move(place));
    json::array content;
    content.emplace_back(part());
    json::object whole = item(status, std::move(content));
    text += event("response.output_item.done", {{"output_index", output_.size()}, {"item", whole}});
    output_.emplace_back(std::move(whole));
    open_.reset();
    return text;
  }

  std::string call(const ReplyEvent& each) {
    const std::string id = item_id("fc");
    const std::string arguments = json_text(each.arguments);
    json::object whole{{"id", id},
                       {"type", "function_call"},
                       {"status", "in_progress"},
                       {"call_id", call_id(head_, 0, calls_++)},
                       {"name", each.text},
                       {"arguments", ""}};
    const std::size_t index = output_.size();
    std::string text =
        event("response.output_item.added", {{"output_index", index}, {"item", whole}});
    text += event("response.function_call_arguments.delta",
                  {{"item_id", id}, {"output_index", index}, {"delta", arguments}});
    text += event(
        "response.function_call_arguments.done",
        {{"item_id", id}, {"output_index", index}, {"name", each.text}, {"arguments", arguments}});
    whole["status"] = "completed";
    whole["arguments"] = arguments;
    text += event("response.output_item.done", {{"output_index", index}, {"item", whole}});
    output_.emplace_back(std::move(whole));
    return text;
  }

  const ApiRequest* request_;
  ReplyHead head_;
  std::uint64_t sequence_ = 0;
  json::array output_;  // items that are complete
  std::optional<Kind> open_;
  std::string text_;      // of the item that is open
  json::array logprobs_;  // likewise
  std::size_t calls_ = 0;
  json::array warnings_;
};

}  // namespace

std::unique_ptr<ReplyWriter> make_response_writer(const ApiRequest& request, ReplyHead head) {
  return std::make_unique<ResponseWriter>(request, std::move(head));
}

}  // namespace outrider
