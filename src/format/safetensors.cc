#include "format/safetensors.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <filesystem>
#include <set>
#include <utility>

#include "format/byte_cursor.h"
#include "format/printable.h"
#include "format/safetensors_header.h"

namespace outrider {
namespace {

constexpr std::uint64_t kMaxHeaderBytes = 100'000'000;
constexpr std::size_t kMaxIndexBytes = std::size_t{16} << 20;
constexpr std::string_view kIndexName = "model.safetensors.index.json";

Error bad_safetensors(const std::string& name, const std::string& what) {
  return {ErrorCode::kBadModelFile, fmt::format("{}: {}", name, what)};
}

// The entry's tensor in `data`, which is what follows the header.
Result<SafetensorsTensor> place_tensor(SafetensorsEntry&& entry, std::span<const std::byte> data,
                                       const std::string& file) {
  const std::string owner = fmt::format("tensor {}", printable(entry.name));
  const auto type = safetensors_type_from_name(entry.type);
  if (!type) {
    return bad_safetensors(file, fmt::format("{} has dtype {}, which this build does not read",
                                             owner, in_quotes(entry.type)));
  }
  std::uint64_t bytes = safetensors_type_bytes(*type);
  for (const std::uint64_t extent : entry.shape) {
    if (__builtin_mul_overflow(bytes, extent, &bytes)) {
      return bad_safetensors(file, fmt::format("{} has a shape larger than any file", owner));
    }
  }
  if (entry.begin > entry.end || entry.end - entry.begin != bytes) {
    return bad_safetensors(file, fmt::format("{} lies from {} to {}, but its shape takes {} bytes",
                                             owner, entry.begin, entry.end, bytes));
  }
  if (entry.end > data.size()) {
    return bad_safetensors(file, fmt::format("{} ends at byte {} of the data, but the file has {} "
                                             "(truncated download?)",
                                             owner, entry.end, data.size()));
  }
  return SafetensorsTensor{std::move(entry.name), *type, std::move(entry.shape),
                           data.subspan(entry.begin, bytes)};
}

Result<void> check_overlaps(std::span<const SafetensorsTensor> tensors, const std::string& file) {
  std::vector<const SafetensorsTensor*> order;
  for (const SafetensorsTensor& tensor : tensors) {
    if (!tensor.bytes.empty()) order.push_back(&tensor);
  }
  std::sort(order.begin(), order.end(),
            [](const auto* a, const auto* b) { return a->bytes.data() < b->bytes.data(); });
  for (std::size_t i = 1; i < order.size(); ++i) {
    const SafetensorsTensor& before = *order[i - 1];
    if (before.bytes.data() + before.bytes.size() > order[i]->bytes.data()) {
      return bad_safetensors(file, fmt::format("tensors {} and {} overlap", printable(before.name),
                                               printable(order[i]->name)));
    }
  }
  return {};
}

struct Part {
  std::vector<SafetensorsTensor> tensors;
  std::map<std::string, std::string, std::less<>> metadata;
};

Result<Part> parse_part(std::span<const std::byte> bytes, const std::string& file) {
  ByteCursor cursor(bytes);
  std::uint64_t header_bytes = 0;
  std::span<const std::byte> text;
  if (!cursor.read(header_bytes)) {
    return bad_safetensors(file,
                           fmt::format("not a safetensors file: it has {} bytes", bytes.size()));
  }
  if (header_bytes > kMaxHeaderBytes) {
    return bad_safetensors(
        file, fmt::format("not a safetensors file: its header would have {} bytes", header_bytes));
  }
  if (!cursor.take(header_bytes, text)) {
    return bad_safetensors(file,
                           fmt::format("the header has {} bytes, but the file has {} (truncated "
                                       "download?)",
                                       header_bytes, bytes.size()));
  }
  auto header =
      parse_safetensors_header({reinterpret_cast<const char*>(text.data()), text.size()}, file);
  if (!header) return header.error();
  Part part;
  part.metadata = std::move(header->metadata);
  part.tensors.reserve(header->entries.size());
  for (SafetensorsEntry& entry : header->entries) {
    auto tensor = place_tensor(std::move(entry), bytes.subspan(cursor.at()), file);
    if (!tensor) return tensor.error();
    part.tensors.push_back(std::move(*tensor));
  }
  if (auto checked = check_overlaps(part.tensors, file); !checked) return checked.error();
  return part;
}

// Tensor -> file, as an index has it.
Result<std::map<std::string, std::string>> read_index(const std::string& path) {
  const auto mapping = MappedFile::open(path);
  if (!mapping) return mapping.error();
  const auto bytes = mapping->bytes();
  if (bytes.size() > kMaxIndexBytes) {
    return bad_safetensors(path, fmt::format("an index of {} bytes, at most {} are read",
                                             bytes.size(), kMaxIndexBytes));
  }
  namespace json = boost::json;
  json::error_code ec;
  json::parse_options options;
  options.max_depth = 8;
  const json::value root =
      json::parse(json::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()), ec,
                  {}, options);
  if (ec) return bad_safetensors(path, fmt::format("not valid JSON: {}", ec.message()));
  const json::object* top = root.if_object();
  const json::value* map = top == nullptr ? nullptr : top->if_contains("weight_map");
  if (map == nullptr || !map->is_object())
    return bad_safetensors(path, "it has no object weight_map");
  std::map<std::string, std::string> files;
  for (const auto& [tensor, file] : map->get_object()) {
    const json::string* text = file.if_string();
    // A name that leaves the folder could make us read anything.
    if (text == nullptr || text->empty() || text->find('/') != json::string::npos ||
        text->find('\0') != json::string::npos) {
      return bad_safetensors(path,
                             fmt::format("tensor {} is not given the name of a file beside it",
                                         printable({tensor.data(), tensor.size()})));
    }
    files.emplace(std::string(tensor), std::string(*text));
  }
  return files;
}

}  // namespace

Result<void> SafetensorsFile::add(std::span<const std::byte> bytes, const std::string& name) {
  auto part = parse_part(bytes, name);
  if (!part) return part.error();
  metadata_.merge(part->metadata);
  for (SafetensorsTensor& tensor : part->tensors) {
    if (!tensor_index_.emplace(tensor.name, tensors_.size()).second) {
      return bad_safetensors(
          name, fmt::format("tensor {} is in another file too", printable(tensor.name)));
    }
    tensors_.push_back(std::move(tensor));
  }
  return {};
}

Result<SafetensorsFile> SafetensorsFile::parse(std::span<const std::byte> bytes,
                                               const std::string& name) {
  SafetensorsFile file;
  file.path_ = name;
  if (auto added = file.add(bytes, name); !added) return added.error();
  return file;
}

Result<void> SafetensorsFile::open_part(const std::string& path) {
  auto mapping = MappedFile::open(path);
  if (!mapping) return mapping.error();
  if (auto added = add(mapping->bytes(), path); !added) return added;
  mappings_.push_back(std::move(*mapping));
  return {};
}

Result<SafetensorsFile> SafetensorsFile::open(const std::string& path) {
  if (path.ends_with(".index.json")) return open_index(path);
  std::error_code ec;
  const std::filesystem::path given = path;
  std::string single = path;
  if (std::filesystem::is_directory(given, ec)) {
    const std::filesystem::path index = given / kIndexName;
    if (std::filesystem::exists(index, ec)) return open_index(index.string());
    single = (given / "model.safetensors").string();
    if (!std::filesystem::exists(single, ec)) {
      return Error{ErrorCode::kBadRequest,
                   fmt::format("{} holds neither model.safetensors nor {}", path, kIndexName)};
    }
  }
  SafetensorsFile file;
  file.path_ = path;
  if (auto opened = file.open_part(single); !opened) return opened.error();
  return file;
}

Result<SafetensorsFile> SafetensorsFile::open_index(const std::string& path) {
  const auto index = read_index(path);
  if (!index) return index.error();
  std::set<std::string> names;
  for (const auto& [tensor, name] : *index) names.insert(name);
  const std::filesystem::path folder = std::filesystem::path(path).parent_path();
  SafetensorsFile file;
  file.path_ = path;
  for (const std::string& name : names) {
    if (auto opened = file.open_part((folder / name).string()); !opened) {
      return Error{opened.error().code,
                   fmt::format("a file of {}: {}", path, opened.error().message)};
    }
  }
  for (const auto& [tensor, name] : *index) {
    if (file.find(tensor) != nullptr) continue;
    return bad_safetensors(
        path, fmt::format("tensor {} is not in {}", printable(tensor), printable(name)));
  }
  return file;
}

const SafetensorsTensor* SafetensorsFile::find(std::string_view name) const {
  const auto found = tensor_index_.find(name);
  return found == tensor_index_.end() ? nullptr : &tensors_[found->second];
}

}  // namespace outrider
