// Answers requests: which path is which, and what each is told.
#pragma once
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "server/answer.h"
#include "server/engine_thread.h"
#include "server/exchange.h"
#include "server/prompt_renderer.h"
#include "server/server_info.h"
#include "text/tokenizer.h"

namespace outrider {

struct ServiceOptions {
  ServerInfo info{};
  ServingDefaults defaults{};
  AnswerLimits limits{};
};

class ModelService final : public Service {
 public:
  // Both outlive the service and all its exchanges.
  ModelService(EngineHandle& engine, const Tokenizer& tokenizer, ServiceOptions options);

  void handle(std::shared_ptr<Exchange> exchange) override;

 private:
  using Parse = ApiResult<ApiRequest> (*)(std::string_view, const ApiDefaults&);
  using Handler = void (ModelService::*)(const std::shared_ptr<Exchange>&);
  struct Route {
    const char* method;
    const char* path;
    Handler handler;
  };
  static const Route kRoutes[];

  template <Parse parse>
  void generate(const std::shared_ptr<Exchange>& exchange);
  void generate(const std::shared_ptr<Exchange>& exchange, ApiResult<ApiRequest> request);
  template <Parse parse>
  void render(const std::shared_ptr<Exchange>& exchange);
  void count_tokens(const std::shared_ptr<Exchange>& exchange);
  void apply_template(const std::shared_ptr<Exchange>& exchange);
  void tokenize(const std::shared_ptr<Exchange>& exchange);
  void detokenize(const std::shared_ptr<Exchange>& exchange);
  void models(const std::shared_ptr<Exchange>& exchange);
  void props(const std::shared_ptr<Exchange>& exchange);
  void slots(const std::shared_ptr<Exchange>& exchange);
  void live(const std::shared_ptr<Exchange>& exchange);
  void ready(const std::shared_ptr<Exchange>& exchange);
  void metrics(const std::shared_ptr<Exchange>& exchange);
  void one_model(Exchange& exchange, std::string_view name);

  const Vocabulary& vocabulary() const { return tokenizer_.vocabulary(); }
  std::string next_id();

  EngineHandle& engine_;
  const Tokenizer& tokenizer_;
  ServiceOptions options_;
  PromptRenderer renderer_;
  std::uint64_t id_key_;  // tells ids of this process from those of another
  std::atomic<std::uint64_t> ids_ = 0;
};

}  // namespace outrider
