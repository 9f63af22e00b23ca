#include "server/api_sampling.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <charconv>
#include <limits>

#include "text/call_grammar.h"

namespace outrider {

namespace json = boost::json;

std::optional<TokenId> token_from(const json::value& value) {
  json::error_code failure;
  if (!value.is_int64() && !value.is_uint64()) return std::nullopt;
  const auto number = value.to_number<std::int64_t>(failure);
  if (failure || number < 0 || number > kCountMax) return std::nullopt;
  return TokenId(static_cast<std::uint32_t>(number));
}

namespace {

constexpr double kFloatMax = 1e6;

void read_seed(const ApiFields& fields, ApiRequest& request) {
  const json::value* seed = fields.find("seed");
  if (seed == nullptr) return;
  if (seed->is_int64() && seed->get_int64() == -1) return;  // llama-server: a random one
  if (!seed->is_int64() && !seed->is_uint64()) return fields.fail("seed", "must be an integer");
  request.has_seed = true;
  request.sampling.seed =
      seed->is_int64() ? static_cast<std::uint64_t>(seed->get_int64()) : seed->get_uint64();
}

// {"123": -5} of OpenAI, [[123, -5], [124, false]] of llama-server; false bans.
void read_bias_item(const ApiFields& fields, std::optional<TokenId> token, const json::value& bias,
                    ApiRequest& request) {
  if (!token) return fields.fail("logit_bias", "must name tokens by their ids");
  TokenBias item{.token = *token, .bias = -std::numeric_limits<float>::infinity()};
  if (bias.is_number()) {
    item.bias = static_cast<float>(std::clamp(bias.to_number<double>(), -kFloatMax, kFloatMax));
  } else if (!bias.is_bool() || bias.get_bool()) {
    return fields.fail("logit_bias", "must hold numbers");
  }
  request.bias.push_back(item);
}

void read_bias(const ApiFields& fields, ApiRequest& request) {
  const json::value* found = fields.find("logit_bias");
  if (found == nullptr) return;
  if (const json::object* object = found->if_object()) {
    for (const json::key_value_pair& pair : *object) {
      const json::string_view key = pair.key();
      std::uint32_t id = 0;
      const auto [end, failure] = std::from_chars(key.data(), key.data() + key.size(), id);
      const bool is_id = failure == std::errc() && end == key.data() + key.size();
      read_bias_item(fields, is_id ? std::optional(TokenId(id)) : std::nullopt, pair.value(),
                     request);
    }
  } else if (const json::array* array = found->if_array()) {
    for (const json::value& item : *array) {
      const json::array* pair = item.if_array();
      if (pair == nullptr || pair->size() != 2) {
        return fields.fail("logit_bias", "must hold pairs of a token id and a number");
      }
      read_bias_item(fields, token_from((*pair)[0]), (*pair)[1], request);
    }
  } else {
    return fields.fail("logit_bias", "must be an object or an array of pairs");
  }
  const auto by_token = [](const TokenBias& a, const TokenBias& b) { return a.token < b.token; };
  std::stable_sort(request.bias.begin(), request.bias.end(), by_token);
  const auto same = [](const TokenBias& a, const TokenBias& b) { return a.token == b.token; };
  request.bias.erase(std::unique(request.bias.begin(), request.bias.end(), same),
                     request.bias.end());
}

void refuse_foreign_samplers(const ApiFields& fields) {
  fields.refuse({"grammar", "json_schema", "guided_json", "guided_regex", "guided_choice",
                 "guided_grammar", "structured_outputs", "logits_processors", "bad_words",
                 "allowed_token_ids", "stop_token_ids", "prompt_logprobs", "samplers",
                 "truncate_prompt_tokens", "cache_salt", "speculative.n_max", "speculative.p_min",
                 "speculative.type"});
  for (const char* key : {"mirostat", "dynatemp_range", "xtc_probability", "dry_multiplier",
                          "n_indent", "min_tokens", "min_keep", "t_max_predict_ms"}) {
    fields.refuse_unless(key, 0);
  }
  fields.refuse_unless("top_n_sigma", -1);
  fields.refuse_unless("length_penalty", 1);
  for (const char* key :
       {"use_beam_search", "post_sampling_probs", "return_progress", "include_stop_str_in_output",
        "return_token_ids", "return_tokens_as_token_ids"}) {
    fields.refuse_unless(key, false);
  }
  fields.refuse_unless("skip_special_tokens", true);
  fields.refuse_unless("lora", json::array());
  fields.refuse_unless("response_fields", json::array());
}

}  // namespace

void read_sampling(const ApiFields& fields, ApiRequest& request) {
  SamplingParams& sampling = request.sampling;
  fields.read("temperature", sampling.temperature, 0, 100);
  const json::value* top_k = fields.find("top_k");
  if (top_k != nullptr && top_k->is_int64() && top_k->get_int64() == -1) {
    sampling.top_k = 0;  // vLLM's word for all
  } else {
    fields.read("top_k", sampling.top_k, 0, kCountMax);
  }
  fields.read("top_p", sampling.top_p, 0, 1);
  fields.read("min_p", sampling.min_p, 0, 1);
  fields.read("typical_p", sampling.typical_p, 0, 1);
  const json::value* last = fields.find("repeat_last_n");
  if (last != nullptr && last->is_int64() && last->get_int64() == -1) {
    sampling.penalty_last = kCountMax;  // llama-server: the whole context
  } else {
    fields.read("repeat_last_n", sampling.penalty_last, 0, kCountMax);
  }
  fields.read("repetition_penalty", sampling.repeat_penalty, 0.01, 100);
  fields.read("repeat_penalty", sampling.repeat_penalty, 0.01, 100);
  fields.read("presence_penalty", sampling.presence_penalty, -2, 2);
  fields.read("frequency_penalty", sampling.frequency_penalty, -2, 2);
  read_seed(fields, request);
  read_bias(fields, request);
  fields.read("cache_prompt", request.cache_prompt);
  fields.read("ignore_eos", request.ignore_eos);
  refuse_foreign_samplers(fields);
  const json::object* speculative = fields.object("speculative");
  if (speculative == nullptr) return;
  std::optional<ApiError> error;
  const ApiFields inner(*speculative, "speculative", error);
  inner.read("enabled", request.speculative.enabled);
  inner.read("n_max", request.speculative.n_max, 0u, 64u);
  inner.read("p_min", request.speculative.p_min, 0.0, 1.0);
  if (error) fields.adopt(*error);
}

void read_stop(const ApiFields& fields, std::string_view key, ApiRequest& request) {
  const json::value* found = fields.find(key);
  if (found == nullptr) return;
  const auto add = [&](const json::value& item) {
    const json::string* text = item.if_string();
    if (text == nullptr) return fields.fail(key, "must be a string or an array of strings");
    if (text->empty()) return fields.fail(key, "must not hold an empty string");
    if (text->size() > kStopStringBytesMax) {
      return fields.fail(
          key, fmt::format("must not hold strings longer than {} bytes", kStopStringBytesMax));
    }
    request.stop.push_back(copy_text(*text));
  };
  if (const json::array* array = found->if_array()) {
    if (array->size() > kStopStringsMax) {
      return fields.fail(key, fmt::format("must hold at most {} strings", kStopStringsMax));
    }
    for (const json::value& item : *array) add(item);
  } else {
    add(*found);
  }
}

void read_stream(const ApiFields& fields, ApiRequest& request) {
  fields.read("stream", request.stream);
  const json::object* options = fields.object("stream_options");
  if (options == nullptr) return;
  if (!request.stream) return fields.fail("stream_options", "is only for requests that stream");
  std::optional<ApiError> error;
  ApiFields(*options, "stream_options", error).read("include_usage", request.include_usage);
  if (error) fields.adopt(*error);
}

void read_effort(const ApiFields& fields, std::string_view key, ThinkingChoice& thinking) {
  constexpr std::string_view kEfforts[] = {"none", "minimal", "low", "medium",
                                           "high", "xhigh",   "max"};
  if (fields.find(key) == nullptr) return;
  std::string effort;
  fields.read(key, effort);
  if (std::find(std::begin(kEfforts), std::end(kEfforts), effort) == std::end(kEfforts)) {
    return fields.fail(key, fmt::format("must be one of {}", fmt::join(kEfforts, ", ")));
  }
  thinking.enabled = effort != "none" && effort != "minimal";
}

void read_thinking(const ApiFields& fields, ApiRequest& request) {
  ThinkingChoice& thinking = request.thinking;
  read_effort(fields, "reasoning_effort", thinking);
  fields.read("enable_thinking", thinking.enabled);
  if (const json::object* arguments = fields.object("chat_template_kwargs")) {
    std::optional<ApiError> error;
    ApiFields(*arguments, "chat_template_kwargs", error).read("enable_thinking", thinking.enabled);
    if (error) fields.adopt(*error);
  }
  for (const char* key :
       {"thinking_budget", "thinking_budget_tokens", "thinking_token_budget", "reasoning_budget"}) {
    const json::value* found = fields.find(key);
    if (found != nullptr && found->is_int64() && found->get_int64() == -1) {
      thinking.budget.reset();
    } else {
      fields.read(key, thinking.budget, 0u, kCountMax);
    }
  }
}

void check_conversation(const ApiFields& fields, const Conversation& conversation,
                        const ToolChoice& choice) {
  for (std::size_t i = 0; i < conversation.messages.size(); ++i) {
    const auto* parts = std::get_if<std::vector<ChatPart>>(&conversation.messages[i].content);
    if (parts == nullptr) continue;
    for (std::size_t j = 0; j < parts->size(); ++j) {
      if ((*parts)[j].kind == ChatPart::Kind::kText) continue;
      return fields.fail(fmt::format("messages[{}].content[{}]", i, j),
                         "holds an image, audio or video, which are not supported");
    }
  }
  if (conversation.tools.size() > kToolsMax) {
    return fields.fail("tools", fmt::format("must hold at most {} tools", kToolsMax));
  }
  for (const json::value& tool : conversation.tools) {
    const json::string& name = tool.at("function").at("name").get_string();
    if (can_be_called({name.data(), name.size()})) continue;
    return fields.fail("tools",
                       "holds a name that is too long, has a { or begins or ends in white "
                       "space, so that no call of it could be read");
  }
  if (choice.kind == ToolChoice::Kind::kRequired && conversation.tools.empty()) {
    return fields.fail("tool_choice", "requires a call, but there are no tools");
  }
  if (choice.kind != ToolChoice::Kind::kNamed) return;
  for (const json::value& tool : conversation.tools) {
    if (tool.at("function").at("name").get_string() == choice.name) return;
  }
  fields.fail("tool_choice", "names a tool that is not among the request's tools");
}

namespace {

// One prompt: text, or tokens. llama-server also takes a mixture, which is refused.
std::optional<ApiPrompt> prompt_from(const json::value& value) {
  if (const json::string* text = value.if_string()) return copy_text(*text);
  const json::array* array = value.if_array();
  if (array == nullptr || array->empty()) return std::nullopt;
  std::vector<TokenId> tokens;
  for (const json::value& item : *array) {
    const std::optional<TokenId> token = token_from(item);
    if (!token) return std::nullopt;
    tokens.push_back(*token);
  }
  return tokens;
}

}  // namespace

void read_prompts(const ApiFields& fields, ApiRequest& request) {
  constexpr std::string_view kWanted =
      "must be a string, an array of token ids, or an array of either";
  fields.require("prompt");
  const json::value* found = fields.find("prompt");
  if (found == nullptr) return;
  if (std::optional<ApiPrompt> single = prompt_from(*found)) {
    request.prompts.push_back(*std::move(single));
    return;
  }
  const json::array* array = found->if_array();
  if (array == nullptr || array->empty()) return fields.fail("prompt", kWanted);
  for (const json::value& item : *array) {
    std::optional<ApiPrompt> each = prompt_from(item);
    if (!each) return fields.fail("prompt", kWanted);
    request.prompts.push_back(*std::move(each));
  }
}

void check_choices(const ApiFields& fields, const ApiRequest& request) {
  if (request.prompts.size() * request.choices <= kChoicesMax) return;
  fields.fail(request.choices > 1 ? "n" : "prompt",
              fmt::format("asks for {} replies, of which one request may have {}",
                          request.prompts.size() * request.choices, kChoicesMax));
}

}  // namespace outrider
