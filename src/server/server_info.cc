#include "server/server_info.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <boost/json.hpp>
#include <ctime>

#include "server/json_text.h"

namespace outrider {
namespace {

namespace json = boost::json;

std::string iso_time(std::int64_t seconds) {
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(static_cast<std::time_t>(seconds)));
}

json::object model_json(const ServerInfo& info, const Vocabulary& vocabulary) {
  return {{"id", info.model},
          {"object", "model"},
          {"created", info.created},
          {"owned_by", "outrider"},
          {"type", "model"},
          {"display_name", info.description.empty() ? info.model : info.description},
          {"created_at", iso_time(info.created)},
          {"max_model_len", info.context},
          {"meta",
           {{"vocab_type", 2},
            {"n_vocab", vocabulary.size()},
            {"n_ctx", info.context},
            {"n_ctx_train", info.context_trained},
            {"n_embd", info.width},
            {"size", info.weight_bytes}}}};
}

json::object sampling_json(const ServingDefaults& defaults) {
  const SamplingParams& sampling = defaults.api.sampling;
  return {{"temperature", decimal_of(sampling.temperature)},
          {"top_k", sampling.top_k},
          {"top_p", decimal_of(sampling.top_p)},
          {"min_p", decimal_of(sampling.min_p)},
          {"typical_p", decimal_of(sampling.typical_p)},
          {"repeat_last_n", sampling.penalty_last},
          {"repeat_penalty", decimal_of(sampling.repeat_penalty)},
          {"presence_penalty", decimal_of(sampling.presence_penalty)},
          {"frequency_penalty", decimal_of(sampling.frequency_penalty)},
          {"speculative.n_max", defaults.drafts.n_max},
          {"speculative.n_min", defaults.drafts.n_min},
          {"speculative.p_min", decimal_of(defaults.drafts.p_min)},
          {"enable_thinking", defaults.api.thinking}};
}

json::string text_of(const Vocabulary& vocabulary, TokenId token) {
  const std::string_view text = vocabulary.text(token);
  return json::string(text.data(), text.size());
}

}  // namespace

std::string model_body(const ServerInfo& info, const Vocabulary& vocabulary) {
  return json_text(model_json(info, vocabulary));
}

std::string models_body(const ServerInfo& info, const Vocabulary& vocabulary) {
  json::array data;
  data.emplace_back(model_json(info, vocabulary));
  return json_text(json::object{{"object", "list"},
                                {"data", std::move(data)},
                                {"first_id", info.model},
                                {"last_id", info.model},
                                {"has_more", false}});
}

std::string props_body(const ServerInfo& info, const Vocabulary& vocabulary,
                       const ServingDefaults& defaults) {
  const json::object settings{{"id", 0},
                              {"n_ctx", info.context},
                              {"speculative", info.drafts},
                              {"is_processing", false},
                              {"params", sampling_json(defaults)}};
  return json_text(json::object{{"default_generation_settings", settings},
                                {"total_slots", info.slots},
                                {"model_alias", info.model},
                                {"model_path", info.model_path},
                                {"modalities", {{"vision", false}, {"audio", false}}},
                                {"endpoint_slots", true},
                                {"endpoint_props", false},
                                {"endpoint_metrics", true},
                                {"chat_template", info.chat_template},
                                {"bos_token", text_of(vocabulary, vocabulary.bos())},
                                {"eos_token", text_of(vocabulary, vocabulary.eos())},
                                {"build_info", info.build},
                                {"is_sleeping", false}});
}

std::string slots_body(const ServerInfo& info, const EngineState& state) {
  json::array slots;
  for (std::size_t i = 0; i < state.slots.size(); ++i) {
    const SlotState& slot = state.slots[i];
    const bool is_busy = slot.ticket != TicketId(0);
    json::object item{{"id", i},
                      {"n_ctx", info.context},
                      {"speculative", info.drafts},
                      {"is_processing", is_busy}};
    if (is_busy) {
      item["id_task"] = slot.ticket.value();
      item["n_prompt_tokens"] = slot.prompt_tokens;
      item["n_past"] = slot.computed;
      item["next_token"] = {{"n_decoded", slot.tokens}};
    }
    slots.emplace_back(std::move(item));
  }
  return json_text(slots);
}

}  // namespace outrider
