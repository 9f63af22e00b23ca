#include "server/service.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <random>
#include <string_view>

#include "server/api_tokens.h"
#include "server/metrics.h"

namespace outrider {
namespace {

constexpr std::string_view kModelPath = "/v1/models/";

void reply_json(Exchange& exchange, std::string body) {
  exchange.reply({.body = std::move(body)});
}

std::int64_t seconds_since_1970() {
  return std::chrono::duration_cast<std::chrono::seconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// A part of a path with %2F and its like undone; what is no escape stays as it is.
std::string unescaped(std::string_view text) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool is_escape = text[i] == '%' && i + 2 < text.size() && hex_digit(text[i + 1]) >= 0 &&
                           hex_digit(text[i + 2]) >= 0;
    result += is_escape ? static_cast<char>(hex_digit(text[i + 1]) * 16 + hex_digit(text[i + 2]))
                        : text[i];
    if (is_escape) i += 2;
  }
  return result;
}

}  // namespace

const ModelService::Route ModelService::kRoutes[] = {
    {"POST", "/v1/chat/completions", &ModelService::generate<parse_chat>},
    {"POST", "/v1/completions", &ModelService::generate<parse_completion>},
    {"POST", "/v1/responses", &ModelService::generate<parse_response>},
    {"POST", "/v1/messages", &ModelService::generate<parse_message>},
    {"POST", "/v1/messages/count_tokens", &ModelService::count_tokens},
    {"POST", "/v1/chat/completions/render", &ModelService::render<parse_chat>},
    {"POST", "/v1/completions/render", &ModelService::render<parse_completion>},
    {"POST", "/completion", &ModelService::generate<parse_llama_completion>},
    {"POST", "/completions", &ModelService::generate<parse_llama_completion>},
    {"POST", "/apply-template", &ModelService::apply_template},
    {"POST", "/tokenize", &ModelService::tokenize},
    {"POST", "/detokenize", &ModelService::detokenize},
    {"GET", "/v1/models", &ModelService::models},
    {"GET", "/models", &ModelService::models},
    {"GET", "/props", &ModelService::props},
    {"GET", "/slots", &ModelService::slots},
    {"GET", "/health", &ModelService::ready},
    {"GET", "/health/live", &ModelService::live},
    {"GET", "/health/ready", &ModelService::ready},
    {"GET", "/metrics", &ModelService::metrics},
};

ModelService::ModelService(EngineHandle& engine, const Tokenizer& tokenizer, ServiceOptions options)
    : engine_(engine),
      tokenizer_(tokenizer),
      options_(std::move(options)),
      renderer_(tokenizer, options_.defaults),
      id_key_(std::random_device()()) {}

std::string ModelService::next_id() {
  return fmt::format("{:08x}{:08x}", id_key_, ++ids_);
}

void ModelService::handle(std::shared_ptr<Exchange> exchange) {
  const HttpRequest& request = exchange->request();
  const std::string method = request.method == "HEAD" ? "GET" : request.method;
  std::string path = request.path;
  if (path.size() > 1 && path.ends_with('/')) path.pop_back();
  std::string allowed;
  for (const Route& route : kRoutes) {
    if (path != route.path) continue;
    if (method == route.method) return (this->*route.handler)(exchange);
    allowed = route.method;
  }
  if (path.starts_with(kModelPath)) {
    if (method == "GET") return one_model(*exchange, path.substr(kModelPath.size()));
    allowed = "GET";
  }
  const ApiKind kind = api_of_path(path);
  path.resize(std::min<std::size_t>(path.size(), 200));
  if (allowed.empty()) {
    return refuse(
        *exchange, kind,
        {.status = 404, .message = fmt::format("there is no {} here", path), .field = {}});
  }
  const ApiError error{
      .status = 405,
      .message = fmt::format("{} takes {}, not {}", path, allowed, request.method.substr(0, 40)),
      .field = {}};
  exchange->reply({.status = 405,
                   .body = error_body(kind, error, request.id),
                   .headers = {{"Allow", allowed == "GET" ? "GET, HEAD" : allowed}}});
}

template <ModelService::Parse parse>
void ModelService::generate(const std::shared_ptr<Exchange>& exchange) {
  generate(exchange, parse(exchange->request().body, options_.defaults.api));
}

void ModelService::generate(const std::shared_ptr<Exchange>& exchange,
                            ApiResult<ApiRequest> request) {
  const ApiKind kind = api_of_path(exchange->request().path);
  if (!request) return refuse(*exchange, kind, request.error());
  if (!request->has_seed && options_.defaults.seed) {
    request->has_seed = true;
    request->sampling.seed = *options_.defaults.seed;
  }
  auto prompts = renderer_.render(*request);
  if (!prompts) return refuse(*exchange, kind, prompts.error());
  ReplyHead head{.id = next_id(),
                 .created = seconds_since_1970(),
                 .model = options_.info.model,
                 .prompt_tokens = 0};
  for (const RenderedPrompt& prompt : *prompts) {
    head.prompt_tokens += static_cast<std::uint32_t>(prompt.tokens.size());
  }
  const auto answer = std::make_shared<Answer>(exchange, engine_.get(), vocabulary(),
                                               *std::move(request), options_.limits);
  answer->start(renderer_, *prompts, std::move(head));
}

template <ModelService::Parse parse>
void ModelService::render(const std::shared_ptr<Exchange>& exchange) {
  const HttpRequest& http = exchange->request();
  auto request = parse(http.body, options_.defaults.api);
  if (!request) return refuse(*exchange, api_of_path(http.path), request.error());
  auto prompts = renderer_.render(*request);
  if (!prompts) return refuse(*exchange, api_of_path(http.path), prompts.error());
  std::vector<std::vector<TokenId>> tokens;
  for (RenderedPrompt& prompt : *prompts) tokens.push_back(std::move(prompt.tokens));
  reply_json(*exchange, render_body(*request, tokens, next_id(), options_.info.model));
}

void ModelService::count_tokens(const std::shared_ptr<Exchange>& exchange) {
  auto request = parse_count_tokens(exchange->request().body, options_.defaults.api);
  if (!request) return refuse(*exchange, ApiKind::kMessage, request.error());
  auto prompts = renderer_.render(*request);
  if (!prompts) return refuse(*exchange, ApiKind::kMessage, prompts.error());
  reply_json(*exchange, count_tokens_body(prompts->front().tokens.size()));
}

void ModelService::apply_template(const std::shared_ptr<Exchange>& exchange) {
  auto request = parse_apply_template(exchange->request().body, options_.defaults.api);
  if (!request) return refuse(*exchange, ApiKind::kLlama, request.error());
  const auto& conversation = std::get<Conversation>(request->prompts.front());
  reply_json(*exchange, apply_template_body(conversation, renderer_.chat_options(*request)));
}

void ModelService::tokenize(const std::shared_ptr<Exchange>& exchange) {
  auto request = parse_tokenize(exchange->request().body);
  if (!request) return refuse(*exchange, ApiKind::kLlama, request.error());
  std::vector<TokenId> tokens;
  if (request->add_special) tokens.push_back(tokenizer_.bos());
  const auto text = tokenizer_.encode(request->content, {.parse_special = request->parse_special});
  tokens.insert(tokens.end(), text.begin(), text.end());
  reply_json(*exchange, tokenize_body(vocabulary(), tokens, request->with_pieces));
}

void ModelService::detokenize(const std::shared_ptr<Exchange>& exchange) {
  auto tokens = parse_detokenize(exchange->request().body);
  if (!tokens) return refuse(*exchange, ApiKind::kLlama, tokens.error());
  const auto outside = std::find_if(tokens->begin(), tokens->end(),
                                    [&](TokenId token) { return !vocabulary().contains(token); });
  if (outside != tokens->end()) {
    return refuse(*exchange, ApiKind::kLlama,
                  {.status = 400,
                   .message = fmt::format("tokens holds {}, which is not in the vocabulary of {}",
                                          outside->value(), vocabulary().size()),
                   .field = "tokens"});
  }
  reply_json(*exchange, detokenize_body(vocabulary(), *tokens));
}

void ModelService::models(const std::shared_ptr<Exchange>& exchange) {
  reply_json(*exchange, models_body(options_.info, vocabulary()));
}

void ModelService::one_model(Exchange& exchange, std::string_view name) {
  if (unescaped(name) == options_.info.model) {
    return reply_json(exchange, model_body(options_.info, vocabulary()));
  }
  refuse(exchange, ApiKind::kChat,
         {.status = 404,
          .message = fmt::format("there is no model of that name, but {}", options_.info.model),
          .field = "model"});
}

void ModelService::props(const std::shared_ptr<Exchange>& exchange) {
  reply_json(*exchange, props_body(options_.info, vocabulary(), options_.defaults));
}

void ModelService::slots(const std::shared_ptr<Exchange>& exchange) {
  reply_json(*exchange, slots_body(options_.info, engine_.get()->state()));
}

void ModelService::live(const std::shared_ptr<Exchange>& exchange) {
  reply_json(*exchange, R"({"status":"ok"})");
}

void ModelService::ready(const std::shared_ptr<Exchange>& exchange) {
  const EngineState state = engine_.get()->state();
  if (state.ready()) return reply_json(*exchange, R"({"status":"ok"})");
  const std::string why = state.stopping ? "the server is stopping"
                                         : fmt::format("the last {} steps failed: {}",
                                                       state.failed_steps, state.failure);
  refuse(*exchange, ApiKind::kLlama, {.status = 503, .message = why, .field = {}});
}

void ModelService::metrics(const std::shared_ptr<Exchange>& exchange) {
  const ServerInfo& info = options_.info;
  exchange->reply(
      {.content_type = kMetricsType,
       .body = metrics_text(engine_.get()->state(),
                            {.model = info.model, .context = info.context, .slots = info.slots})});
}

}  // namespace outrider
