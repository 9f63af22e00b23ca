#include "app/serve_options.h"

#include <gtest/gtest.h>

#include <CLI/CLI.hpp>
#include <fstream>

#include "app/draft_check.h"
#include "app/option_aliases.h"
#include "app/prompt_text.h"
#include "app/serving.h"
#include "model/model_test_files.h"

namespace outrider {
namespace {

std::string nano(const std::string& name) {
  return std::string(OUTRIDER_SOURCE_DIR) + "/models/nano/" + name + ".gguf";
}

// What a line of options comes to; the sentence where it is refused.
struct Parsed {
  explicit Parsed(std::vector<std::string> words) {
    CLI::App app;
    add_serve_options(app, options);
    app.parse(parser_words(std::move(words)));
    if (auto settled = settle_serve_options(options); !settled) error = settled.error().message;
  }
  ServeOptions options;
  std::string error;
};

TEST(ServeOptions, the_seeds_line_is_read_as_written) {
  const Parsed parsed({"-m", "TARGET", "--mtp-head", "ASSISTANT", "--n-parallel", "2",
                       "--mtp-draft-n", "3", "--draft-p-min", "0.75"});
  EXPECT_EQ(parsed.error, "");
  EXPECT_EQ(parsed.options.model.target, "TARGET");
  EXPECT_EQ(parsed.options.model.drafter, "ASSISTANT");
  EXPECT_EQ(parsed.options.slots, 2u);
  EXPECT_EQ(parsed.options.drafts.limits.n_max, 3u);
  EXPECT_EQ(parsed.options.drafts.limits.p_min, 0.75f);
}

TEST(ServeOptions, llama_servers_names_mean_the_same) {
  const Parsed parsed(
      {"-m",        "t",      "-md", "a",      "-np",     "3",      "-c",
       "1000",      "-t",     "2",   "--host", "0.0.0.0", "--port", "81",
       "--api-key", "x,y",    "-a",  "name",   "-to",     "5",      "--spec-draft-n-max",
       "4",         "--temp", "0.5"});
  EXPECT_EQ(parsed.error, "");
  EXPECT_EQ(parsed.options.model.drafter, "a");
  EXPECT_EQ(parsed.options.slots, 3u);
  EXPECT_EQ(parsed.options.model.context, 1000u);
  EXPECT_EQ(parsed.options.http.port, 81);
  EXPECT_EQ(parsed.options.http.api_keys, (std::vector<std::string>{"x", "y"}));
  EXPECT_EQ(parsed.options.http.limits.body_time, std::chrono::seconds(5));
  EXPECT_EQ(parsed.options.alias, "name");
  EXPECT_EQ(parsed.options.sampling.temperature, 0.5f);
}

TEST(ServeOptions, llama_servers_words_for_what_is_found_out_are_taken) {
  const std::uint32_t slots = Parsed({}).options.slots;
  const Parsed parsed({"-np", "-1", "-c", "0", "-ngl", "auto"});
  EXPECT_EQ(parsed.error, "");
  EXPECT_EQ(parsed.options.slots, slots);
  EXPECT_EQ(parsed.options.model.context, 0u);
  EXPECT_THROW(Parsed({"-np", "-2"}), CLI::ParseError);
  EXPECT_THROW(Parsed({"-np", "0"}), CLI::ParseError);
}

TEST(ServeOptions, what_changes_nothing_is_passed_over) {
  const Parsed parsed({"--no-webui", "-cb",       "--mlock", "--no-mmap",
                       "-fa",        "--metrics", "-b",      "512",
                       "-ub",        "64",        "--numa",  "distribute",
                       "--jinja",    "--poll",    "-1",      "--log-verbosity",
                       "3",          "-fa",       "on",      "-tb",
                       "4"});
  EXPECT_EQ(parsed.error, "");
  const auto& ignored = parsed.options.llama.ignored;
  EXPECT_NE(std::find(ignored.begin(), ignored.end(), "--no-webui"), ignored.end());
  EXPECT_NE(std::find(ignored.begin(), ignored.end(), "--batch-size"), ignored.end());
  EXPECT_NE(std::find(ignored.begin(), ignored.end(), "--flash-attn"), ignored.end());
}

TEST(ServeOptions, the_seeds_line_is_read_with_todays_names) {
  const Parsed parsed({"-m",
                       "TARGET",
                       "--spec-draft-model",
                       "ASSISTANT",
                       "--spec-type",
                       "draft-mtp",
                       "--parallel",
                       "2",
                       "--spec-draft-n-max",
                       "3",
                       "--spec-draft-p-min=0.75",
                       "--n-gpu-layers=0",
                       "--temperature=0.5",
                       "-fit",
                       "off",
                       "-lm",
                       "mmap",
                       "--no-mmproj",
                       "--spec-draft-ngl",
                       "99"});
  EXPECT_EQ(parsed.error, "");
  EXPECT_EQ(parsed.options.model.drafter, "ASSISTANT");
  EXPECT_FALSE(parsed.options.model.no_drafter);
  EXPECT_EQ(parsed.options.drafts.limits.n_max, 3u);
  EXPECT_EQ(parsed.options.drafts.limits.p_min, 0.75f);
  EXPECT_EQ(parsed.options.sampling.temperature, 0.5f);
}

TEST(ServeOptions, drafts_come_from_the_assistant_or_not_at_all) {
  EXPECT_TRUE(Parsed({"--spec-type", "none"}).options.model.no_drafter);
  EXPECT_EQ(Parsed({"--spec-type", "ngram-mod"}).error.rfind("--spec-type ngram-mod is not", 0),
            0u);
}

TEST(ServeOptions, what_would_change_replies_is_refused_by_name) {
  const std::vector<std::vector<std::string>> lines = {{"--grammar", "x"},
                                                       {"--json-schema", "{}"},
                                                       {"--lora", "x"},
                                                       {"--rope-scale", "2"},
                                                       {"--rope-freq-base", "1"},
                                                       {"--mmproj", "x"},
                                                       {"--embeddings"},
                                                       {"--chat-template", "x"},
                                                       {"--override-kv", "x"},
                                                       {"--samplers", "top_k"},
                                                       {"--mirostat", "1"},
                                                       {"--context-shift"},
                                                       {"--tools", "all"},
                                                       {"--agent"},
                                                       {"--reasoning-budget-message", "x"},
                                                       {"--spec-ngram-mod-n-max", "9"},
                                                       {"--rpc", "host:1"},
                                                       {"--reasoning-format", "none"}};
  for (const auto& line : lines) {
    EXPECT_EQ(Parsed(line).error.rfind(line.front() + " ", 0), 0u) << line.front();
  }
}

TEST(ServeOptions, keys_come_from_files_and_empty_ones_lock_nothing) {
  const std::string path = testing::TempDir() + "keys";
  std::ofstream(path) << "one\r\n\ntwo\n";
  EXPECT_EQ(Parsed({"--api-key-file", path}).options.http.api_keys,
            (std::vector<std::string>{"one", "two"}));
  std::ofstream(path, std::ios::trunc) << "# one\ntwo\n#\n";
  EXPECT_EQ(Parsed({"--api-key-file", path}).options.http.api_keys,
            std::vector<std::string>{"two"});
  std::ofstream(path, std::ios::trunc) << "\n#\n";
  EXPECT_NE(Parsed({"--api-key-file", path}).error.find("holds no key"), std::string::npos);
  EXPECT_NE(Parsed({"--api-key-file", "/no/such"}).error.find("/no/such"), std::string::npos);
}

TEST(ServeOptions, thinking_is_off_unless_asked_for) {
  EXPECT_FALSE(Parsed({}).options.thinking);
  EXPECT_TRUE(Parsed({"--thinking"}).options.thinking);
  EXPECT_TRUE(Parsed({"--chat-template-kwargs", R"({"enable_thinking":true})"}).options.thinking);
  EXPECT_TRUE(Parsed({"-rea", "on", "--reasoning-budget", "100"}).options.thinking);
  EXPECT_FALSE(Parsed({"--thinking", "--reasoning", "off"}).options.thinking);
  EXPECT_TRUE(Parsed({"--thinking", "--reasoning", "auto"}).options.thinking);
  EXPECT_FALSE(Parsed({"--thinking", "--reasoning-budget", "0"}).options.thinking);
  EXPECT_NE(Parsed({"--chat-template-kwargs", R"({"other":1})"}).error.find("other"),
            std::string::npos);
}

TEST(Serving, a_pair_of_two_kinds_is_warned_about) {
  EXPECT_EQ(pair_warning("gemma", "a/gemma-Q4_0.gguf", "head", "a/head.gguf"), "");
  EXPECT_EQ(pair_warning("gemma", "a/gemma-qat-q4_0.gguf", "Head QAT", "a/head.gguf"), "");
  const std::string warning = pair_warning("Gemma 4 QAT", "a/gemma.gguf", "head", "b/head.gguf");
  EXPECT_NE(warning.find("a/gemma.gguf"), std::string::npos);
  EXPECT_NE(warning.find("b/head.gguf"), std::string::npos);
  EXPECT_EQ(pair_warning("gemma", "qat/gemma.gguf", "head", "a/head.gguf"), "");  // the folder's
}

TEST(Serving, loads_what_is_named_and_says_so) {
  ServeOptions options;
  options.model.target = nano("target");
  options.model.drafter = nano("assistant");
  options.model.threads = 1;
  options.model.no_cost_cache = true;
  options.slots = 2;
  const auto serving = checked(Serving::load(options));
  EXPECT_EQ(serving->info().model, "target");
  EXPECT_TRUE(serving->info().drafts);
  EXPECT_EQ(serving->info().slots, 2u);
}

TEST(Serving, a_pair_that_does_not_fit_is_one_sentence_naming_both) {
  ServeOptions options;
  options.model.target = nano("target");
  options.model.drafter = golden_case("mild/dense/assistant.gguf");
  const auto serving = Serving::load(options);
  ASSERT_FALSE(serving.has_value());
  EXPECT_NE(serving.error().message.find("nano/target.gguf"), std::string::npos);
  EXPECT_NE(serving.error().message.find("dense/assistant.gguf"), std::string::npos);
}

TEST(DraftCheck, says_how_many_drafts_stood) {
  ModelOptions model;
  model.target = nano("target");
  model.drafter = nano("assistant");
  model.context = 512;
  model.threads = 1;
  const auto runtime = checked(load_runtime(model, {}));
  const auto vocabulary = checked(vocabulary_from_gguf(runtime->target().file));
  const auto report =
      checked(check_drafts(*runtime, vocabulary, {.chat = chat_options_for(runtime->target())}));
  EXPECT_NE(report.find("in all: "), std::string::npos);
  const auto stood = std::stoi(report.substr(report.find("in all: ") + 8));
  EXPECT_GT(stood, 20) << report;
  model.no_drafter = true;
  const auto alone = checked(load_runtime(model, {}));
  EXPECT_FALSE(check_drafts(*alone, vocabulary, {}).has_value());
}

}  // namespace
}  // namespace outrider
