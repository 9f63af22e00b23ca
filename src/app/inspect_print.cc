// How the report of `outrider inspect` looks, for people and for programs.
#include <fmt/format.h>

#include <boost/json.hpp>

#include "app/inspect.h"
#include "app/progress.h"

namespace outrider {
namespace {

namespace json = boost::json;

std::string human_count(std::uint64_t count) {
  if (count < 1000000) return fmt::format("{}", count);
  if (count < 1000000000) return fmt::format("{:.1f} M", static_cast<double>(count) / 1e6);
  return fmt::format("{:.2f} G", static_cast<double>(count) / 1e9);
}

// File names and texts come from the file: what a terminal would obey is shown as "?".
std::string harmless(const std::string& text) {
  std::string out = text.substr(0, 200);
  for (char& c : out) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  }
  return out;
}

std::string describe_memory(const FileReport& report) {
  std::string text =
      fmt::format("memory        weights {} (mapped)\n", human_bytes(report.weight_bytes));
  if (!report.kv) return text;
  const KvMemory& kv = *report.kv;
  return text + fmt::format(
                    "              each conversation of {} positions {}: global layers {}, "
                    "sliding layers {}\n              plus workspace\n",
                    kv.context, human_bytes(kv.global_bytes + kv.sliding_bytes),
                    human_bytes(kv.global_bytes), human_bytes(kv.sliding_bytes));
}

std::string describe_drafters(const FileReport& report) {
  if (report.is_drafter) return {};
  if (report.drafters.empty()) return "drafter       none beside this file\n";
  std::string text;
  for (const DrafterNearby& drafter : report.drafters) {
    text += drafter.obstacle.empty()
                ? fmt::format("drafter       {} fits\n", harmless(drafter.path))
                : fmt::format("drafter       does not fit: {}\n", harmless(drafter.obstacle));
  }
  return text;
}

}  // namespace

std::string describe(const FileReport& report) {
  std::string text =
      fmt::format("file          {}, {}\narchitecture  {}\nname          {}\nparameters    {}\n",
                  harmless(report.path), human_bytes(report.file_bytes),
                  report.architecture.empty() ? "none" : harmless(report.architecture),
                  harmless(report.name), human_count(report.parameters));
  for (const auto& [type, count] : report.types) {
    text += fmt::format("{:13} {:>5} tensors, {}\n", type, count.tensors, human_bytes(count.bytes));
  }
  if (report.layers > 0) {
    text += fmt::format(
        "layers        {}, {} of them with full attention, {} with a window of {}\n"
        "context       {}\nvocabulary    {}\n",
        report.layers, report.full_layers, report.layers - report.full_layers, report.window,
        report.context, report.vocab);
  }
  if (!report.obstacle.empty()) {
    return text + fmt::format("This build cannot serve it: {}\n", harmless(report.obstacle));
  }
  text += describe_memory(report) + describe_drafters(report);
  return text + (report.is_drafter ? "This build can serve it, as a drafter.\n"
                                   : "This build can serve it.\n");
}

std::string to_json(const FileReport& report) {
  json::object types;
  for (const auto& [type, count] : report.types) {
    types[type] = {{"tensors", count.tensors}, {"bytes", count.bytes}};
  }
  json::object root = {{"path", report.path},
                       {"architecture", report.architecture},
                       {"name", report.name},
                       {"file_bytes", report.file_bytes},
                       {"weight_bytes", report.weight_bytes},
                       {"parameters", report.parameters},
                       {"types", std::move(types)},
                       {"is_drafter", report.is_drafter},
                       {"can_serve", report.obstacle.empty()}};
  if (!report.obstacle.empty()) root["obstacle"] = report.obstacle;
  if (report.layers > 0) {
    root["layers"] = report.layers;
    root["full_layers"] = report.full_layers;
    root["context_length"] = report.context;
    root["window"] = report.window;
    root["vocabulary"] = report.vocab;
  }
  if (report.kv) {
    root["kv"] = {{"context", report.kv->context},
                  {"global_bytes", report.kv->global_bytes},
                  {"sliding_bytes", report.kv->sliding_bytes}};
  }
  json::array drafters;
  for (const DrafterNearby& drafter : report.drafters) {
    json::object entry = {{"path", drafter.path}, {"fits", drafter.obstacle.empty()}};
    if (!drafter.obstacle.empty()) entry["obstacle"] = drafter.obstacle;
    drafters.push_back(std::move(entry));
  }
  if (!report.is_drafter) root["drafters"] = std::move(drafters);
  return json::serialize(root) + "\n";
}

}  // namespace outrider
