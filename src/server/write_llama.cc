// llama-server's /completion.
#include <boost/json.hpp>

#include "server/reply_json.h"

namespace outrider {
namespace {

namespace json = boost::json;

class LlamaWriter final : public ReplyWriter {
 public:
  LlamaWriter(const ApiRequest& request, ReplyHead head)
      : request_(&request), head_(std::move(head)), warnings_(request.prompts.size()) {}

  std::string body(std::span<const WholeReply> choices) override {
    json::array list;
    for (std::uint32_t i = 0; i < choices.size(); ++i) {
      ReplyContents contents = contents_of(choices[i].events);
      json::object item = partial(i, contents.content, choices[i].tokens);
      warnings_[i] = std::move(contents.warnings);
      add_end(i, choices[i].end, item);
      list.emplace_back(std::move(item));
    }
    return json_text(list.size() == 1 ? list.front() : json::value(std::move(list)));
  }

  std::string begin() override { return {}; }

  std::string delta(std::uint32_t choice, const ReplyDelta& delta) override {
    const ReplyContents contents = contents_of(delta.events);
    for (const json::value& warning : contents.warnings) warnings_[choice].push_back(warning);
    if (contents.content.empty() && delta.tokens.empty()) return {};
    return sse(partial(choice, contents.content, delta.tokens));
  }

  std::string end(std::uint32_t choice, const ReplyEnd& end) override {
    json::object item = partial(choice, "", {});
    add_end(choice, end, item);
    return sse(item);
  }

  std::string finish() override { return {}; }

 private:
  json::object partial(std::uint32_t choice, const std::string& content,
                       std::span<const ReplyToken> tokens) const {
    json::array ids;
    if (request_->return_tokens) {
      for (const ReplyToken& token : tokens) ids.emplace_back(token.id.value());
    }
    json::object item{
        {"index", choice}, {"content", content}, {"tokens", std::move(ids)}, {"stop", false}};
    if (!request_->wants_logprobs || tokens.empty()) return item;
    json::array probabilities = openai_logprobs(tokens);
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      json::object& each = probabilities[i].get_object();
      each["id"] = tokens[i].id.value();
      json::array& tops = each["top_logprobs"].get_array();
      for (std::size_t j = 0; j < tops.size(); ++j) {
        tops[j].get_object()["id"] = tokens[i].alternatives[j].id.value();
      }
    }
    item["completion_probabilities"] = std::move(probabilities);
    return item;
  }

  static json::object timings(const ReplyUsage& usage) {
    const std::uint32_t computed = usage.prompt_tokens - usage.cached_tokens;
    const auto per_second = [](std::uint32_t count, double ms) {
      return ms > 0 ? 1000.0 * count / ms : 0.0;
    };
    const auto per_token = [](std::uint32_t count, double ms) {
      return count > 0 ? ms / count : 0;
    };
    return {{"cache_n", usage.cached_tokens},
            {"prompt_n", computed},
            {"prompt_ms", usage.prompt_ms},
            {"prompt_per_token_ms", per_token(computed, usage.prompt_ms)},
            {"prompt_per_second", per_second(computed, usage.prompt_ms)},
            {"predicted_n", usage.reply_tokens},
            {"predicted_ms", usage.generate_ms},
            {"predicted_per_token_ms", per_token(usage.reply_tokens, usage.generate_ms)},
            {"predicted_per_second", per_second(usage.reply_tokens, usage.generate_ms)},
            {"draft_n", usage.speculative.drafted},
            {"draft_n_accepted", usage.speculative.accepted}};
  }

  void add_end(std::uint32_t choice, const ReplyEnd& end, json::object& item) const {
    const char* reason = "eos";
    if (end.reason == StopReason::kLength) reason = "limit";
    if (end.reason == StopReason::kStopString) reason = "word";
    item["stop"] = true;
    item["model"] = head_.model;
    item["tokens_predicted"] = end.usage.reply_tokens;
    item["tokens_evaluated"] = end.usage.prompt_tokens;
    item["tokens_cached"] = end.usage.cached_tokens;
    item["truncated"] = false;
    item["stop_type"] = reason;
    item["stopping_word"] = end.stop_string;
    item["timings"] = timings(end.usage);
    item["speculative"] = speculative_json(end.usage.speculative);
    if (!warnings_[choice].empty()) item["warnings"] = warnings_[choice];
  }

  const ApiRequest* request_;
  ReplyHead head_;
  std::vector<json::array> warnings_;
};

}  // namespace

std::unique_ptr<ReplyWriter> make_llama_writer(const ApiRequest& request, ReplyHead head) {
  return std::make_unique<LlamaWriter>(request, std::move(head));
}

}  // namespace outrider
