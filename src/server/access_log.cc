#include "server/access_log.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <spdlog/logger.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <boost/json/object.hpp>
#include <string_view>

#include "server/reply_json.h"

namespace outrider {
namespace {

namespace json = boost::json;

std::string time_text(std::chrono::system_clock::time_point time) {
  const auto since = std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch());
  const std::time_t seconds = std::chrono::system_clock::to_time_t(time);
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", fmt::gmtime(seconds), since.count() % 1000);
}

// Visible ASCII as it is, all else as \xNN; a dash for nothing, so that columns stay columns.
std::string escaped(std::string_view text) {
  if (text.empty()) return "-";
  std::string result;
  for (const char c : text) {
    if (c > 0x20 && c < 0x7f && c != '\\') {
      result.push_back(c);
    } else {
      result += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    }
  }
  return result;
}

}  // namespace

std::string text_line(const AccessEntry& entry) {
  return fmt::format("{} {} {} {} {} {} {} B {:.1f} ms{}", time_text(entry.began),
                     escaped(entry.id), escaped(entry.client), escaped(entry.method),
                     escaped(entry.path), entry.status, entry.bytes, entry.ms,
                     entry.was_aborted ? " aborted" : "");
}

std::string json_line(const AccessEntry& entry) {
  return json_text(json::object{{"time", time_text(entry.began)},
                                {"id", as_text(entry.id)},
                                {"client", entry.client},
                                {"method", as_text(entry.method)},
                                {"path", as_text(entry.path)},
                                {"status", entry.status},
                                {"bytes", entry.bytes},
                                {"ms", entry.ms},
                                {"aborted", entry.was_aborted}});
}

Result<AccessLog> AccessLog::open(LogFormat format, const std::string& file) {
  AccessLog log;
  log.format_ = format;
  if (format == LogFormat::kOff) return log;
  try {
    spdlog::sink_ptr sink;
    if (file.empty()) {
      sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
    } else {
      sink = std::make_shared<spdlog::sinks::basic_file_sink_mt>(file);
    }
    log.logger_ = std::make_shared<spdlog::logger>("access", std::move(sink));
    log.logger_->set_pattern("%v");
    log.logger_->flush_on(spdlog::level::info);
  } catch (const spdlog::spdlog_ex& exception) {
    return Error{ErrorCode::kBadRequest, fmt::format("{}: cannot be written", file)};
  }
  return log;
}

void AccessLog::write(const AccessEntry& entry) const {
  if (!is_on()) return;
  // The line is an argument and not the format: braces in a path mean nothing.
  logger_->info("{}", format_ == LogFormat::kJson ? json_line(entry) : text_line(entry));
}

}  // namespace outrider
