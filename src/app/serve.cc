// outrider serve: a model behind HTTP.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>

#include "app/commands.h"
#include "app/draft_check.h"
#include "app/prompt_text.h"
#include "app/serve_options.h"
#include "app/serving.h"
#include "server/http_server.h"

namespace outrider {
namespace {

void warn(const std::string& sentence) {
  fmt::print(stderr, "outrider: warning: {}\n", sentence);
}

void say_what_is_passed_over(const LlamaFlags& flags) {
  if (flags.ignored.empty()) return;
  fmt::print(stderr, "outrider: passed over, as nothing here depends on it: {}\n",
             fmt::join(flags.ignored, ", "));
}

std::string curl_line(const HttpServer& server, const HttpOptions& http) {
  return fmt::format(
      "curl {}{}{}/v1/chat/completions -H 'Content-Type: application/json' "
      "-d '{{\"messages\":[{{\"role\":\"user\",\"content\":\"What is 47 + 58?\"}}]}}'",
      http.tls_certificate_file.empty() ? "" : "-k ",
      http.api_keys.empty() ? "" : "-H 'Authorization: Bearer YOUR_KEY' ", server.url());
}

void say_what_is_served(Serving& serving, const HttpServer& server, const ServeOptions& options) {
  const Runtime& runtime = serving.runtime();
  const DrafterModel* drafter = runtime.drafter();
  fmt::print("{} serves {} ({}{})\n", serving.info().build, serving.info().model,
             serving.info().model_path,
             drafter == nullptr ? ", without an assistant"
                                : fmt::format(", assistant {}", drafter->file.path()));
  fmt::print("{}\n", memory_line(runtime));
  fmt::print("{} slots of {} positions each, {} requests may wait\n", options.slots,
             serving.info().context, options.queue);
  fmt::print("listening at {}\n\n{}\n", server.url(), curl_line(server, options.http));
  std::fflush(stdout);
}

// At the port that was named, or else at the first free one of a few.
Result<HttpServer> start_server(ServeOptions& options, Service& service) {
  constexpr std::uint16_t kTries = 20;
  for (std::uint16_t tries = 1; !options.has_port && tries < kTries; ++tries) {
    auto server = HttpServer::start(options.http, service);
    if (server) return server;
    ++options.http.port;
  }
  return HttpServer::start(options.http, service);
}

Result<int> run(ServeOptions& options) {
  if (auto settled = settle_serve_options(options); !settled) return settled.error();
  say_what_is_passed_over(options.llama);
  auto serving = Serving::load(options);
  if (!serving) return serving.error();
  Runtime& runtime = (*serving)->runtime();
  if (const DrafterModel* drafter = runtime.drafter()) {
    const TargetModel& target = runtime.target();
    const std::string warning = pair_warning(target.config.name, target.file.path(),
                                             drafter->config.name, drafter->file.path());
    if (!warning.empty()) warn(warning);
  }
  if (options.self_test) {
    (*serving)->stop();  // the test steps the runtime itself
    auto report = check_drafts(runtime, (*serving)->vocabulary(),
                               {.chat = chat_options_for(runtime.target()),
                                .drafts = options.drafts.limits.n_max,
                                .verification = verification_of(options.drafts)});
    if (!report) return report.error();
    fmt::print("{}", *report);
    return 0;
  }
  auto server = start_server(options, (*serving)->service());
  if (!server) return server.error();
  say_what_is_served(**serving, *server, options);
  if (!server->is_loopback() && options.http.api_keys.empty()) {
    warn(fmt::format("anybody who reaches {} can use it: --api-key asks for a key", server->url()));
  }
  server->wait();
  (*serving)->stop();
  return 0;
}

}  // namespace

Command add_serve(CLI::App& app) {
  auto options = std::make_shared<ServeOptions>();
  add_serve_options(app, *options);
  return [options, &app] {
    // -1 is llama-server's word for a seed of its own for each request.
    options->has_seed = app.count("--seed") > 0 && options->sampling.seed != ~std::uint64_t{0};
    options->has_port = app.count("--port") > 0;
    return run(*options);
  };
}

}  // namespace outrider
