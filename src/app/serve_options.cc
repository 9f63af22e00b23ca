#include "app/serve_options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <boost/json.hpp>
#include <fstream>
#include <limits>

namespace outrider {
namespace {

constexpr const char* kServer = "Server";

void add_network_options(CLI::App& app, ServeOptions& o) {
  HttpOptions& http = o.http;
  http.port = kFirstPort;
  app.add_option("--host", http.address, "Address to listen at; 0.0.0.0: every network")
      ->capture_default_str()
      ->group(kServer);
  app.add_option("--port", http.port,
                 "Port to listen at; 0: any free one (default: the first free one from 8080 on)")
      ->group(kServer);
  app.add_option("--api-key", http.api_keys, "Key that requests must bring; several by commas")
      ->delimiter(',')
      ->group(kServer);
  app.add_option("--api-key-file", o.api_key_file,
                 "File with such keys, one a line; lines that begin with # are comments")
      ->group(kServer);
  app.add_option("--ssl-cert-file", http.tls_certificate_file,
                 "PEM file of the certificate chain, for https")
      ->group(kServer);
  app.add_option("--ssl-key-file", http.tls_key_file, "PEM file of its private key")
      ->group(kServer);
  app.add_option("--cors-origin,--cors-origins", http.cors_origins,
                 "Origin whose pages may use the server, *: any; several by commas (default: none)")
      ->delimiter(',')
      ->group(kServer);
  app.add_option("--threads-http", http.threads, "Threads that serve connections")
      ->check(CLI::Range(1, 256))
      ->capture_default_str()
      ->group(kServer);
  app.add_option("--timeout", o.timeout_s,
                 "Seconds to wait for a client that sends a body or takes a reply (also -to; "
                 "default: 60 and 10)")
      ->check(CLI::Range(1u, 86400u))
      ->group(kServer);
}

void add_serving_options(CLI::App& app, ServeOptions& o) {
  const auto automatic = [slots = o.slots](std::string text) {
    return text == "-1" ? fmt::format("{}", slots) : text;
  };
  app.add_option("--parallel,--n-parallel", o.slots,
                 "Slots: conversations that run at once; -1: as many as without it (also -np)")
      ->transform(automatic)
      ->check(CLI::Range(1u, 64u))
      ->capture_default_str()
      ->group(kServer);
  app.add_option("--queue", o.queue,
                 "Requests that may wait for a slot; more are told to come later")
      ->check(CLI::Range(0u, 65536u))
      ->capture_default_str()
      ->group(kServer);
  app.add_option("-a,--alias", o.alias, "Name that the model is reported by (default: its file's)")
      ->group(kServer);
  app.add_flag("--thinking", o.thinking,
               "Let the model think first, unless a request says otherwise")
      ->group(kServer);
  app.add_option("--chat-template-kwargs", o.template_arguments,
                 "The same as llama-server has it: {\"enable_thinking\": true}")
      ->group(kServer);
  app.add_option("--reasoning", o.reasoning,
                 "on: the same as --thinking; off: not; auto: the default (also -rea)")
      ->check(CLI::IsMember({"on", "off", "auto"}))
      ->group(kServer);
  app.add_option("--reasoning-budget", o.reasoning_budget,
                 "Tokens of thought at most, unless a request says otherwise; 0: no thinking; "
                 "-1: without end")
      ->check(CLI::Range(-1, std::numeric_limits<std::int32_t>::max()))
      ->group(kServer);
  app.add_flag("--no-cache-prompt{true},--cache-prompt{false}", o.no_cache_prompt,
               "Keep no beginnings of conversations for those that share them")
      ->group(kServer);
  app.add_flag("--log-json", o.log_json, "Write a JSON object per request, not a line of text")
      ->group(kServer);
  app.add_option("--log-file", o.http.access_log_file,
                 "File for a line per request (default: standard error)")
      ->group(kServer);
  app.add_flag("--log-disable", o.log_disable, "Write no line per request")->group(kServer);
  app.add_flag("--self-test", o.self_test,
               "Measure how many drafts stand on a few prompts, print it and end")
      ->group(kServer);
  app.add_option("--spec-type", o.draft_type,
                 "draft-mtp: the model's assistant drafts, as without this option; none: no drafts")
      ->group("Drafting");
  app.add_option(
         "--synthetic-acceptance", o.synthetic_acceptance,
         "For benchmarks: drafts stand with these probabilities by position, as in 0.8,0.6; "
         "the text is noise")
      ->delimiter(',')
      ->check(CLI::Range(0.0, 1.0))
      ->group("Drafting");
}

Error bad(std::string message) {
  return {ErrorCode::kBadRequest, std::move(message)};
}

Result<void> read_keys(const std::string& path, std::vector<std::string>& keys) {
  std::ifstream file(path);
  if (!file) return bad(fmt::format("--api-key-file: {} cannot be read", path));
  const std::size_t before = keys.size();
  for (std::string line; std::getline(file, line);) {
    while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.pop_back();
    if (!line.empty() && line.front() != '#') keys.push_back(line);
  }
  // A server that its owner thinks is locked must not be open.
  if (keys.size() == before) return bad(fmt::format("--api-key-file: {} holds no key", path));
  return {};
}

Result<void> read_draft_type(const std::string& type, bool& no_drafter) {
  if (type == "none") {
    no_drafter = true;
  } else if (!type.empty() && type != "draft-mtp") {
    return bad(
        fmt::format("--spec-type {} is not built: drafts come from the model's MTP assistant, "
                    "draft-mtp, or not at all, none",
                    type));
  }
  return {};
}

Result<void> read_template_arguments(const std::string& text, bool& thinking) {
  boost::json::error_code failure;
  const boost::json::value value = boost::json::parse(text, failure);
  if (failure || !value.is_object()) return bad("--chat-template-kwargs must be a JSON object");
  for (const auto& pair : value.get_object()) {
    if (pair.key() != "enable_thinking" || !pair.value().is_bool()) {
      return bad(
          fmt::format("--chat-template-kwargs holds {}, but only enable_thinking is known, "
                      "true or false",
                      std::string(pair.key())));
    }
    thinking = pair.value().get_bool();
  }
  return {};
}

}  // namespace

void add_serve_options(CLI::App& app, ServeOptions& o) {
  o.model.context = 8192;
  add_model_options(app, o.model);
  add_network_options(app, o);
  add_serving_options(app, o);
  add_sampling_options(app, o.sampling);
  add_draft_options(app, o.drafts);
  add_llama_flags(app, o.llama);
}

Result<void> settle_serve_options(ServeOptions& o) {
  if (auto checked = check_llama_flags(o.llama); !checked) return checked;
  if (auto checked = check_draft_options(o.drafts); !checked) return checked;
  if (auto read = read_draft_type(o.draft_type, o.model.no_drafter); !read) return read;
  if (!o.api_key_file.empty()) {
    if (auto read = read_keys(o.api_key_file, o.http.api_keys); !read) return read;
  }
  for (const std::string& key : o.http.api_keys) {
    if (key.empty()) return bad("--api-key holds an empty key, which anybody could bring");
  }
  if (!o.template_arguments.empty()) {
    if (auto read = read_template_arguments(o.template_arguments, o.thinking); !read) return read;
  }
  if (o.reasoning == "on") o.thinking = true;
  if (o.reasoning == "off" || o.reasoning_budget == 0) o.thinking = false;
  if (o.timeout_s) {
    o.http.limits.body_time = std::chrono::seconds(*o.timeout_s);
    o.http.limits.stall_time = std::chrono::seconds(*o.timeout_s);
  }
  o.http.access_log = o.log_disable ? LogFormat::kOff
                      : o.log_json  ? LogFormat::kJson
                                    : LogFormat::kText;
  o.http.stops_on_signals = true;
  if (o.synthetic_acceptance.size() > kDraftsMax) {
    return bad(fmt::format("--synthetic-acceptance has {} positions, but rounds have at most {}",
                           o.synthetic_acceptance.size(), kDraftsMax));
  }
  return {};
}

}  // namespace outrider
