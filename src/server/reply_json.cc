#include "server/reply_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>

#include "text/utf8.h"

namespace outrider {

namespace json = boost::json;

std::string sse(const json::value& data, std::string_view event) {
  const std::string text = json_text(data);
  if (event.empty()) return fmt::format("data: {}\n\n", text);
  return fmt::format("event: {}\ndata: {}\n\n", event, text);
}

ReplyUsage total_usage(const ApiRequest& request, std::span<const ReplyEnd> ends) {
  ReplyUsage total;
  for (std::size_t i = 0; i < ends.size(); ++i) {
    const ReplyUsage& usage = ends[i].usage;
    if (i % request.choices == 0) {
      total.prompt_tokens += usage.prompt_tokens;
      total.cached_tokens += usage.cached_tokens;
    }
    total.reply_tokens += usage.reply_tokens;
    total.thinking_tokens += usage.thinking_tokens;
    SpeculativeUsage& speculative = total.speculative;
    speculative.rounds += usage.speculative.rounds;
    speculative.drafted += usage.speculative.drafted;
    speculative.accepted += usage.speculative.accepted;
    const std::vector<std::uint64_t>& accepted = usage.speculative.accepted_per_position;
    std::vector<std::uint64_t>& sum = speculative.accepted_per_position;
    sum.resize(std::max(sum.size(), accepted.size()));
    for (std::size_t position = 0; position < accepted.size(); ++position) {
      sum[position] += accepted[position];
    }
    total.prompt_ms = std::max(total.prompt_ms, usage.prompt_ms);
    total.generate_ms = std::max(total.generate_ms, usage.generate_ms);
  }
  return total;
}

json::object speculative_json(const SpeculativeUsage& usage) {
  json::array accepted;
  for (const std::uint64_t count : usage.accepted_per_position) accepted.emplace_back(count);
  return {{"rounds", usage.rounds},
          {"drafted", usage.drafted},
          {"accepted", usage.accepted},
          {"accepted_per_position", std::move(accepted)}};
}

json::object openai_usage(const ReplyUsage& usage) {
  return {{"prompt_tokens", usage.prompt_tokens},
          {"completion_tokens", usage.reply_tokens},
          {"total_tokens", usage.prompt_tokens + usage.reply_tokens},
          {"prompt_tokens_details", {{"cached_tokens", usage.cached_tokens}}},
          {"completion_tokens_details", {{"reasoning_tokens", usage.thinking_tokens}}},
          {"speculative", speculative_json(usage.speculative)}};
}

std::string as_text(std::string_view bytes) {
  std::string text;
  take_characters(bytes, text);
  if (!bytes.empty()) text.append(kReplacementCharacter);
  return text;
}

double log_probability_json(float log_probability) {
  constexpr float kLeast = -9999.0f;  // what OpenAI shows for a token that could not be
  return decimal_of(log_probability > kLeast ? log_probability : kLeast);
}

namespace {

json::object one_logprob(std::string_view bytes, float log_probability) {
  json::array numbers;
  for (const char c : bytes) numbers.emplace_back(static_cast<unsigned char>(c));
  return {{"token", as_text(bytes)},
          {"logprob", log_probability_json(log_probability)},
          {"bytes", std::move(numbers)}};
}

}  // namespace

json::array openai_logprobs(std::span<const ReplyToken> tokens) {
  json::array result;
  for (const ReplyToken& token : tokens) {
    json::object item = one_logprob(token.bytes, token.log_probability);
    json::array alternatives;
    for (const ReplyToken::Alternative& each : token.alternatives) {
      alternatives.emplace_back(one_logprob(each.bytes, each.log_probability));
    }
    item["top_logprobs"] = std::move(alternatives);
    result.emplace_back(std::move(item));
  }
  return result;
}

std::string call_id(const ReplyHead& head, std::uint32_t choice, std::size_t call) {
  return fmt::format("call_{}{:02}{:02}", head.id, choice, call);
}

ReplyContents contents_of(std::span<const ReplyEvent> events) {
  ReplyContents contents;
  for (const ReplyEvent& event : events) {
    switch (event.kind) {
      case ReplyEvent::Kind::kThinking:
        contents.thinking += event.text;
        break;
      case ReplyEvent::Kind::kContent:
        contents.content += event.text;
        break;
      case ReplyEvent::Kind::kToolCall:
        contents.calls.push_back(&event);
        break;
      case ReplyEvent::Kind::kWarning:
        contents.warnings.emplace_back(event.text);
        break;
    }
  }
  return contents;
}

std::unique_ptr<ReplyWriter> make_writer(const ApiRequest& request, ReplyHead head) {
  switch (request.kind) {
    case ApiKind::kChat:
      return make_chat_writer(request, std::move(head));
    case ApiKind::kCompletion:
      return make_completion_writer(request, std::move(head));
    case ApiKind::kResponse:
      return make_response_writer(request, std::move(head));
    case ApiKind::kMessage:
      return make_message_writer(request, std::move(head));
    case ApiKind::kLlama:
      return make_llama_writer(request, std::move(head));
  }
  contract_failed("every API has a writer");
}

}  // namespace outrider
