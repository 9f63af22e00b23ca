#include "app/cost_file.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <boost/json.hpp>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <random>
#include <sstream>
#include <vector>

#include "platform/executable.h"

namespace outrider {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

constexpr std::uintmax_t kFileBytesMax = 64 << 10;
constexpr std::size_t kPointsMax = 256;
constexpr std::int64_t kRowsMax = 1 << 20;
constexpr double kSecondsMin = 1e-9, kSecondsMax = 1e4;  // of a launch that anybody waits for

// Names, types and sizes of all tensors.
std::uint64_t shapes_of(const GgufFile& file) {
  std::uint64_t hash = file.tensors().size();
  for (const GgufTensor& tensor : file.tensors()) {
    hash = XXH3_64bits_withSeed(tensor.name.data(), tensor.name.size(), hash);
    const std::uint64_t facts[] = {static_cast<std::uint64_t>(tensor.type), tensor.ne[0],
                                   tensor.ne[1], tensor.ne[2], tensor.ne[3]};
    hash = XXH3_64bits_withSeed(facts, sizeof facts, hash);
  }
  return hash;
}

std::string key_of(const Runtime& runtime, const std::string& settings) {
  const std::uint64_t drafter = runtime.drafter() ? shapes_of(runtime.drafter()->file) : 0;
  return fmt::format("{}; {}; target {:016x}; drafter {:016x}; build {}", runtime.device(),
                     settings, shapes_of(runtime.target().file), drafter, build_id());
}

json::array as_json(const CostCurve& curve) {
  json::array points;
  for (const CostCurve::Point& point : curve.points()) {
    points.push_back(json::array{point.rows, point.seconds});
  }
  return points;
}

// Nothing unless all of it makes sense.
std::optional<CostCurve> curve_of(const json::value* value) {
  const json::array* list = value != nullptr ? value->if_array() : nullptr;
  if (list == nullptr || list->size() > kPointsMax) return std::nullopt;
  std::vector<CostCurve::Point> points;
  for (const json::value& entry : *list) {
    const json::array* pair = entry.if_array();
    if (pair == nullptr || pair->size() != 2) return std::nullopt;
    const std::int64_t* rows = (*pair)[0].if_int64();
    const double* seconds = (*pair)[1].if_double();
    if (rows == nullptr || *rows < 1 || *rows > kRowsMax) return std::nullopt;
    if (seconds == nullptr || !(*seconds >= kSecondsMin && *seconds <= kSecondsMax)) {
      return std::nullopt;
    }
    points.push_back({static_cast<std::uint32_t>(*rows), *seconds});
  }
  return CostCurve(points);
}

std::optional<std::string> small_file(const fs::path& path) {
  std::error_code failed;
  if (!fs::is_regular_file(path, failed))
    return std::nullopt;  // a pipe would have to be waited for
  if (fs::file_size(path, failed) > kFileBytesMax || failed) return std::nullopt;
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return file ? std::optional(std::move(text).str()) : std::nullopt;
}

}  // namespace

std::optional<fs::path> cache_folder() {
  const char* cache = std::getenv("XDG_CACHE_HOME");
  if (cache != nullptr && fs::path(cache).is_absolute()) return fs::path(cache) / "outrider";
  const char* home = std::getenv("HOME");
  if (home != nullptr && fs::path(home).is_absolute()) return fs::path(home) / ".cache/outrider";
  return std::nullopt;
}

CostFile::CostFile(std::optional<fs::path> folder, const Runtime& runtime,
                   const std::string& settings) {
  if (!folder) return;
  key_ = key_of(runtime, settings);
  path_ = *folder / fmt::format("costs-{:016x}.json", XXH3_64bits(key_.data(), key_.size()));
}

bool CostFile::restore(Speculation& speculation) const {
  if (path_.empty()) return false;
  const auto text = small_file(path_);
  if (!text) return false;
  json::error_code failed;
  const json::value parsed = json::parse(*text, failed);
  const json::object* file = !failed ? parsed.if_object() : nullptr;
  if (file == nullptr) return false;
  const json::value* key = file->if_contains("key");
  if (key == nullptr || !key->is_string() || key->get_string() != key_) return false;
  const auto target = curve_of(file->if_contains("target"));
  const auto drafter = curve_of(file->if_contains("drafter"));
  if (!target || !drafter) return false;
  speculation.start_from(*target, *drafter);
  return true;
}

bool CostFile::keep(const Speculation& speculation) const {
  if (path_.empty()) return false;
  const std::string text =
      json::serialize(json::object{{"key", key_},
                                   {"target", as_json(speculation.target_cost())},
                                   {"drafter", as_json(speculation.drafter_cost())}});
  std::error_code failed;
  fs::create_directories(path_.parent_path(), failed);
  // A name of its own: two processes may end at once.
  fs::path partial = path_;
  partial += fmt::format(".{:08x}", std::random_device{}());
  {
    std::ofstream file(partial, std::ios::binary);
    file << text;
    if (!file.flush()) failed = std::make_error_code(std::errc::io_error);
  }
  if (!failed) fs::rename(partial, path_, failed);
  if (!failed) return true;
  std::error_code ignored;
  fs::remove(partial, ignored);
  return false;
}

}  // namespace outrider
