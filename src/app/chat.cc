// outrider chat: a conversation in the terminal.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>

#include "app/chat_session.h"
#include "app/commands.h"
#include "app/line_reader.h"
#include "app/model_options.h"
#include "app/prompt_text.h"
#include "app/sampling_options.h"
#include "engine/engine.h"
#include "platform/interrupt.h"
#include "platform/terminal.h"
#include "text/prompt.h"
#include "text/reply_parser.h"
#include "text/tokenizer.h"

namespace outrider {
namespace {

struct ChatCommandOptions {
  ModelOptions model;
  SamplingParams sampling;
  DraftOptions drafts;
  std::string system;
  std::uint32_t tokens_max = 0;
  bool thinking = false;
  bool ignore_end = false;
  bool verbose = false;
};

void add_chat_options(CLI::App& app, ChatCommandOptions& o) {
  add_model_options(app, o.model);
  app.add_option("--system", o.system, "System prompt")->group("Chat");
  app.add_flag("--thinking", o.thinking, "Let the model think before it answers")->group("Chat");
  app.add_option("-n,--predict", o.tokens_max,
                 "Tokens of an answer at most (default: until the model ends its turn)")
      ->group("Chat");
  app.add_flag("--ignore-eos", o.ignore_end, "Go on past the end of the turn")->group("Chat");
  app.add_flag("--verbose", o.verbose, "Show rates and accepted drafts behind each answer")
      ->group("Chat");
  add_sampling_options(app, o.sampling);
  add_draft_options(app, o.drafts);
}

// Shows a reply while it comes. Thoughts are dim where somebody is looking.
class Display {
 public:
  explicit Display(bool on_terminal) : on_terminal_(on_terminal) {}

  void show(const ReplyEvent& event) {
    const bool is_thought = event.kind == ReplyEvent::Kind::kThinking;
    if (is_thought != in_thought_) turn_to(is_thought);
    if (event.kind == ReplyEvent::Kind::kToolCall) {
      write(fmt::format("[calls {}, which nobody here can answer]", event.text));
    } else if (event.kind == ReplyEvent::Kind::kWarning) {
      write(fmt::format("[{}]", event.text));
    } else {
      write(event.text);
    }
  }
  void end() {
    if (in_thought_) turn_to(false);
    std::fputs("\n", stdout);
    std::fflush(stdout);
  }

 private:
  void turn_to(bool thought) {
    in_thought_ = thought;
    if (on_terminal_) {
      std::fputs(thought ? "\033[2m" : "\033[0m\n", stdout);
    } else {
      std::fputs(thought ? "(thinks) " : "\n(says) ", stdout);
    }
  }
  // A model can write anything, escape sequences that a terminal obeys among it.
  void write(std::string text) {
    if (on_terminal_) {
      std::erase_if(
          text, [](char c) { return (c >= 0 && c < 32 && c != '\n' && c != '\t') || c == 127; });
    }
    std::fwrite(text.data(), 1, text.size(), stdout);
    std::fflush(stdout);
  }

  bool on_terminal_;
  bool in_thought_ = false;
};

// Hears one reply.
class Reply final : public Listener {
 public:
  Reply(const Vocabulary& vocabulary, Display& display) : parser_(vocabulary), display_(display) {}

  bool on_tokens(std::span<const GeneratedToken> tokens) override {
    for (const GeneratedToken& token : tokens) parser_.push(token.token, events_);
    take_events();
    return true;
  }
  void on_finish(const Finish& finish) override {
    parser_.finish(events_);
    take_events();
    finish_ = finish;
  }

  bool over() const { return finish_.has_value(); }
  const Finish& finish() const { return *finish_; }
  std::string thought, content;

 private:
  void take_events() {
    for (const ReplyEvent& event : events_) {
      display_.show(event);
      if (event.kind == ReplyEvent::Kind::kThinking) thought += event.text;
      if (event.kind == ReplyEvent::Kind::kContent) content += event.text;
    }
    events_.clear();
  }

  ReplyParser parser_;
  Display& display_;
  std::vector<ReplyEvent> events_;
  std::optional<Finish> finish_;
};

std::string summary_of(const Finish& finish) {
  const double seconds = finish.timing.generate_ms / 1e3;
  const double rate = seconds > 0 ? (finish.tokens - 1) / seconds : 0;
  return fmt::format(
      "[{} prompt tokens, {} of them known; {} tokens, {:.1f}/s; {} of {} drafts accepted]",
      finish.prompt_tokens, finish.cached_tokens, finish.tokens, rate, finish.speculative.accepted,
      finish.speculative.drafted);
}

// Answers conversations, one after another; what they share is not computed again.
class Responder {
 public:
  Responder(const ChatCommandOptions& options, Runtime& runtime, const Vocabulary& vocabulary,
            InterruptWatch& watch)
      : options_(options),
        format_(chat_options_for(runtime.target())),
        vocabulary_(vocabulary),
        tokenizer_(vocabulary),
        watch_(watch),
        engine_(runtime, &vocabulary, {.verification = verification_of(options.drafts)}),
        costs_(cost_file(options.model, runtime)) {
    costs_.restore(engine_.speculation());
  }
  ~Responder() { costs_.keep(engine_.speculation()); }
  Responder(const Responder&) = delete;
  Responder& operator=(const Responder&) = delete;

  // Adds the reply to the session. An interrupt ends it where it is.
  Result<void> answer(ChatSession& session) {
    auto request = request_for(session);
    if (!request) return request.error();
    Display display(is_terminal(stdout));
    Reply reply(vocabulary_, display);
    auto id = engine_.submit(std::move(*request), reply);
    if (!id) return id.error();
    while (!reply.over()) {
      if (watch_.take()) engine_.cancel(*id);
      if (auto stepped = engine_.step(); !stepped) return stepped.error();
    }
    display.end();
    if (reply.finish().error) return *reply.finish().error;
    if (reply.finish().reason == FinishReason::kLength) {
      fmt::print("[the answer reached its limit]\n");
    }
    if (options_.verbose) fmt::print("{}\n", summary_of(reply.finish()));
    session.add_reply(std::move(reply.thought), std::move(reply.content));
    return {};
  }

 private:
  Result<Request> request_for(const ChatSession& session) {
    ChatOptions format = format_;
    format.enable_thinking = session.thinking();
    auto prompt = encode_chat(tokenizer_, render_chat(session.conversation(), format));
    if (!prompt) return prompt.error();
    Request request{.prompt = std::move(prompt->tokens),
                    .checkpoints = std::move(prompt->turn_ends),
                    .sampling = options_.sampling,
                    .tokens_max = options_.tokens_max,
                    .drafts = options_.drafts.limits};
    // So that the same question asked again may be answered differently.
    request.sampling.seed += answers_++;
    const auto end = vocabulary_.end_of_generation();
    if (!options_.ignore_end) request.ends.assign(end.begin(), end.end());
    return request;
  }

  const ChatCommandOptions& options_;
  ChatOptions format_;
  const Vocabulary& vocabulary_;
  Tokenizer tokenizer_;
  InterruptWatch& watch_;
  Engine engine_;
  CostFile costs_;
  std::uint64_t answers_ = 0;
};

// $XDG_STATE_HOME or ~/.local/state; nothing without a home.
std::optional<std::filesystem::path> history_path() {
  const auto folder = [](const char* name) {
    const char* value = std::getenv(name);
    return value != nullptr && *value == '/' ? std::string(value) : std::string();
  };
  if (const std::string state = folder("XDG_STATE_HOME"); !state.empty()) {
    return std::filesystem::path(state) / "outrider" / "history";
  }
  const std::string home = folder("HOME");
  if (home.empty()) return std::nullopt;
  return std::filesystem::path(home) / ".local" / "state" / "outrider" / "history";
}

Result<int> run(const ChatCommandOptions& o) {
  if (auto checked = check_draft_options(o.drafts); !checked) return checked.error();
  auto runtime = load_runtime(o.model, {.drafts = o.drafts.limits.n_max});
  if (!runtime) return runtime.error();
  auto vocabulary = vocabulary_from_gguf((*runtime)->target().file);
  if (!vocabulary) return vocabulary.error();

  InterruptWatch watch;
  Responder responder(o, **runtime, *vocabulary, watch);
  ChatSession session(o.system, o.thinking);
  const auto reader = make_line_reader(watch, history_path());
  if (is_terminal(stdout)) fmt::print("/help lists the commands; Ctrl-D leaves.\n");
  for (;;) {
    std::fflush(stdout);
    const TypedLine message = read_message(*reader, "> ");
    if (message.kind == TypedLine::Kind::kEnd) return 0;
    if (message.kind == TypedLine::Kind::kInterrupted) continue;
    const ChatSession::Outcome outcome = session.take(message.text);
    if (!outcome.told.empty()) fmt::print("{}\n", outcome.told);
    if (outcome.wish == ChatSession::Wish::kQuit) return 0;
    if (outcome.wish != ChatSession::Wish::kReply) continue;
    if (auto answered = responder.answer(session); !answered) {
      session.take_back();
      fmt::print("{}; the message is taken back.\n", answered.error().message);
    }
  }
}

}  // namespace

Command add_chat(CLI::App& app) {
  auto o = std::make_shared<ChatCommandOptions>();
  add_chat_options(app, *o);
  return [o] { return run(*o); };
}

}  // namespace outrider
