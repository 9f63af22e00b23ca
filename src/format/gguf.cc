#include "format/gguf.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <iterator>
#include <optional>
#include <utility>

#include "format/gguf_parse.h"
#include "format/printable.h"
#include "platform/memory.h"

namespace outrider {
namespace {

// What a part of a split file says about itself; an unsplit file is part 0 of 1.
struct SplitKeys {
  std::int64_t number = 0;
  std::int64_t count = 1;
  std::optional<std::int64_t> tensors;  // of all parts
};

const GgufValue* find_entry(std::span<const GgufEntry> entries, std::string_view key) {
  const auto found = std::find_if(entries.begin(), entries.end(),
                                  [&](const GgufEntry& entry) { return entry.key == key; });
  return found == entries.end() ? nullptr : &found->value;
}

Error bad_file(const std::string& name, const std::string& what) {
  return {ErrorCode::kBadModelFile, fmt::format("{}: {}", name, what)};
}

Result<SplitKeys> split_keys(std::span<const GgufEntry> entries, const std::string& name) {
  SplitKeys keys;
  for (const auto key : {"split.no", "split.count", "split.tensors.count"}) {
    const GgufValue* value = find_entry(entries, key);
    if (value == nullptr) continue;
    const auto number = value->integer();
    if (!number || *number < 0) {
      return bad_file(name, fmt::format("key {} is {}, expected a count", key, value->describe()));
    }
    if (std::string_view(key) == "split.no") keys.number = *number;
    if (std::string_view(key) == "split.count") keys.count = std::max<std::int64_t>(*number, 1);
    if (std::string_view(key) == "split.tensors.count") keys.tensors = *number;
  }
  return keys;
}

// NAME-00001-of-00003.gguf. Parts are named from 1 and numbered in their keys from 0.
struct SplitName {
  std::string stem;  // up to and without "-00001-of-00003.gguf"
  std::uint32_t part;
  std::uint32_t parts;
};

constexpr std::size_t kSplitDigits = 5;

std::optional<std::uint32_t> five_digits(std::string_view text) {
  std::uint32_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return {};
    value = value * 10 + static_cast<std::uint32_t>(c - '0');
  }
  return value;
}

std::optional<SplitName> split_name(const std::string& path) {
  constexpr std::string_view kPattern = "-00000-of-00000.gguf";
  if (path.size() < kPattern.size()) return {};
  const std::string_view tail = std::string_view(path).substr(path.size() - kPattern.size());
  if (tail[0] != '-' || tail.substr(6, 4) != "-of-" || tail.substr(15) != ".gguf") return {};
  const auto part = five_digits(tail.substr(1, kSplitDigits));
  const auto parts = five_digits(tail.substr(10, kSplitDigits));
  if (!part || !parts || *part < 1 || *part > *parts) return {};
  return SplitName{path.substr(0, path.size() - kPattern.size()), *part, *parts};
}

std::string part_path(const std::string& stem, std::uint32_t part, std::uint32_t parts) {
  return fmt::format("{}-{:05}-of-{:05}.gguf", stem, part, parts);
}

}  // namespace

Result<void> GgufFile::add_part(GgufPart part, std::uint64_t bytes, const std::string& name) {
  if (file_bytes_ == 0) entries_ = std::move(part.entries);
  file_bytes_ += bytes;
  tensors_.reserve(tensors_.size() + part.tensors.size());
  for (const GgufTensor& tensor : part.tensors) {
    if (!tensor_index_.emplace(tensor.name, tensors_.size()).second) {
      return bad_file(name, fmt::format("tensor {} is in an earlier part of the split file too",
                                        printable(tensor.name)));
    }
    tensors_.push_back(tensor);
  }
  return {};
}

Result<GgufFile> GgufFile::parse(std::span<const std::byte> bytes, const std::string& name) {
  auto part = parse_gguf(bytes, name);
  if (!part) return part.error();
  const auto keys = split_keys(part->entries, name);
  if (!keys) return keys.error();
  if (keys->count > 1) {
    return bad_file(name, fmt::format("this is part {} of {} of a split file, but it is not named "
                                      "NAME-00001-of-0000N.gguf, so the others cannot be found",
                                      keys->number + 1, keys->count));
  }
  GgufFile file;
  file.path_ = name;
  if (auto added = file.add_part(std::move(*part), bytes.size(), name); !added) {
    return added.error();
  }
  return file;
}

Result<GgufFile> GgufFile::open(const std::string& path) {
  const auto name = split_name(path);
  if (name && name->parts > 1) return open_split(name->stem, name->parts);
  auto mapping = MappedFile::open(path);
  if (!mapping) return mapping.error();
  auto file = parse(mapping->bytes(), path);
  if (file) file->mappings_.push_back(std::move(*mapping));
  return file;
}

Result<GgufFile> GgufFile::open_split(const std::string& stem, std::uint32_t parts) {
  GgufFile file;
  file.path_ = part_path(stem, 1, parts);
  std::optional<std::int64_t> promised;
  for (std::uint32_t part = 1; part <= parts; ++part) {
    const std::string path = part_path(stem, part, parts);
    auto mapping = MappedFile::open(path);
    if (!mapping) {
      return Error{mapping.error().code, fmt::format("part {} of {} of a split file is missing: {}",
                                                     part, parts, mapping.error().message)};
    }
    auto parsed = parse_gguf(mapping->bytes(), path);
    if (!parsed) return parsed.error();
    const auto keys = split_keys(parsed->entries, path);
    if (!keys) return keys.error();
    if (keys->number != part - 1 || keys->count != parts) {
      return bad_file(path, fmt::format("its keys call it part {} of {}, its name part {} of {}",
                                        keys->number + 1, keys->count, part, parts));
    }
    if (part == 1) promised = keys->tensors;
    auto added = file.add_part(std::move(*parsed), mapping->bytes().size(), path);
    if (!added) return added.error();
    file.mappings_.push_back(std::move(*mapping));
  }
  if (promised && static_cast<std::uint64_t>(*promised) != file.tensors_.size()) {
    return bad_file(file.path_, fmt::format("the parts hold {} tensors, split.tensors.count is {}",
                                            file.tensors_.size(), *promised));
  }
  return file;
}

const GgufTensor* GgufFile::find(std::string_view tensor) const {
  const auto found = tensor_index_.find(tensor);
  return found == tensor_index_.end() ? nullptr : &tensors_[found->second];
}

const GgufValue* GgufFile::value(std::string_view key) const {
  return find_entry(entries_, key);
}

std::vector<std::string_view> GgufFile::keys() const {
  std::vector<std::string_view> keys;
  keys.reserve(entries_.size());
  for (const GgufEntry& entry : entries_) keys.push_back(entry.key);
  return keys;
}

bool GgufFile::is_mapped(std::span<const std::byte> part) const {
  // Pointers into different mappings only compare through std::less.
  const std::less_equal<const std::byte*> not_after;
  return std::any_of(mappings_.begin(), mappings_.end(), [&](const MappedFile& mapping) {
    const std::byte* begin = mapping.bytes().data();
    const std::byte* end = begin + mapping.bytes().size();
    return not_after(begin, part.data()) && not_after(part.data() + part.size(), end);
  });
}

void GgufFile::expect_sequential(std::span<const std::byte> part) const {
  if (is_mapped(part)) outrider::expect_sequential(part);
}

void GgufFile::expect_random(std::span<const std::byte> part) const {
  if (is_mapped(part)) outrider::expect_random(part);
}

}  // namespace outrider
