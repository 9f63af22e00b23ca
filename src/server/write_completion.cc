// OpenAI's text_completion; its streamed chunks have the same shape.
#include <boost/json.hpp>

#include "server/reply_json.h"

namespace outrider {
namespace {

namespace json = boost::json;

class CompletionWriter final : public ReplyWriter {
 public:
  CompletionWriter(const ApiRequest& request, ReplyHead head)
      : request_(&request),
        head_(std::move(head)),
        choices_(request.choices * request.prompts.size()) {}

  std::string body(std::span<const WholeReply> choices) override {
    json::array list;
    std::vector<ReplyEnd> ends;
    for (std::uint32_t i = 0; i < choices.size(); ++i) {
      ReplyContents contents = contents_of(choices[i].events);
      json::object item = choice_json(i, contents.content, choices[i].tokens);
      item["finish_reason"] = finish_reason(choices[i].end);
      if (!contents.warnings.empty()) item["warnings"] = std::move(contents.warnings);
      list.emplace_back(std::move(item));
      ends.push_back(choices[i].end);
    }
    json::object whole = head_json(std::move(list));
    whole["usage"] = openai_usage(total_usage(*request_, ends));
    return json_text(whole);
  }

  std::string begin() override { return {}; }

  std::string delta(std::uint32_t choice, const ReplyDelta& delta) override {
    const ReplyContents contents = contents_of(delta.events);
    for (const json::value& warning : contents.warnings) {
      choices_[choice].warnings.push_back(warning);
    }
    const bool has_tokens = request_->wants_logprobs && !delta.tokens.empty();
    if (contents.content.empty() && !has_tokens) return {};
    return one(choice_json(choice, contents.content, delta.tokens));
  }

  std::string end(std::uint32_t choice, const ReplyEnd& end) override {
    choices_[choice].end = end;
    json::object item = choice_json(choice, "", {});
    item["finish_reason"] = finish_reason(end);
    if (!choices_[choice].warnings.empty()) item["warnings"] = choices_[choice].warnings;
    return one(std::move(item));
  }

  std::string finish() override {
    std::string text;
    if (request_->include_usage) {
      std::vector<ReplyEnd> ends;
      for (const Choice& choice : choices_) ends.push_back(choice.end);
      json::object last = head_json({});
      last["usage"] = openai_usage(total_usage(*request_, ends));
      text = sse(last);
    }
    return text + "data: [DONE]\n\n";
  }

 private:
  struct Choice {
    std::size_t offset = 0;  // of the next token's text, in bytes
    json::array warnings;
    ReplyEnd end;
  };

  static json::value finish_reason(const ReplyEnd& end) {
    return end.reason == StopReason::kLength ? "length" : "stop";
  }

  json::value logprobs(std::uint32_t choice, std::span<const ReplyToken> tokens) {
    if (!request_->wants_logprobs || tokens.empty()) return nullptr;
    json::array texts;
    json::array values;
    json::array tops;
    json::array offsets;
    for (const ReplyToken& token : tokens) {
      texts.emplace_back(as_text(token.bytes));
      values.emplace_back(log_probability_json(token.log_probability));
      json::object top;
      for (const ReplyToken::Alternative& each : token.alternatives) {
        // Of tokens that look alike the likeliest stays.
        top.emplace(as_text(each.bytes), log_probability_json(each.log_probability));
      }
      tops.emplace_back(std::move(top));
      offsets.emplace_back(choices_[choice].offset);
      choices_[choice].offset += token.bytes.size();
    }
    return json::object{{"tokens", std::move(texts)},
                        {"token_logprobs", std::move(values)},
                        {"top_logprobs", std::move(tops)},
                        {"text_offset", std::move(offsets)}};
  }

  json::object choice_json(std::uint32_t choice, const std::string& text,
                           std::span<const ReplyToken> tokens) {
    return {{"text", text},
            {"index", choice},
            {"logprobs", logprobs(choice, tokens)},
            {"finish_reason", nullptr}};
  }

  json::object head_json(json::array choices) const {
    return {{"id", "cmpl-" + head_.id},
            {"object", "text_completion"},
            {"created", head_.created},
            {"model", head_.model},
            {"choices", std::move(choices)}};
  }

  std::string one(json::object choice) const {
    json::array list;
    list.emplace_back(std::move(choice));
    return sse(head_json(std::move(list)));
  }

  const ApiRequest* request_;
  ReplyHead head_;
  std::vector<Choice> choices_;
};

}  // namespace

std::unique_ptr<ReplyWriter> make_completion_writer(const ApiRequest& request, ReplyHead head) {
  return std::make_unique<CompletionWriter>(request, std::move(head));
}

}  // namespace outrider
