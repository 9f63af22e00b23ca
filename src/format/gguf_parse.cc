#include "format/gguf_parse.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <unordered_set>
#include <utility>

#include "format/byte_cursor.h"
#include "format/printable.h"

namespace outrider {
namespace {

// Far above any real file, and low enough that a hostile one cannot make us fill memory with the
// small objects made per entry.
constexpr std::uint64_t kMaxEntries = 1u << 16;
constexpr std::uint64_t kMaxStrings = 1u << 24;  // in all arrays together

// The least bytes a thing can take, to bound its count before anything is allocated.
constexpr std::uint64_t kLeastEntryBytes = 8 + 4 + 1;
constexpr std::uint64_t kLeastTensorBytes = 8 + 4 + 8 + 4 + 8;
constexpr std::uint64_t kLeastStringBytes = 8;

struct TensorHeader {
  std::uint64_t offset;
  std::uint64_t bytes;
};

class Parser {
 public:
  Parser(std::span<const std::byte> file, const std::string& name)
      : file_(file), name_(name), cursor_(file) {}

  Result<GgufPart> run();

 private:
  Error bad(const std::string& what) const {
    return {ErrorCode::kBadModelFile, fmt::format("{}: {}", name_, what)};
  }
  Error ends_inside(const std::string& what) const {
    return bad(fmt::format("the file ends inside {}: it has {} bytes (truncated download?)", what,
                           file_.size()));
  }

  Result<void> read_start();
  Result<void> check_count(std::uint64_t count, const char* of_what,
                           std::uint64_t least_bytes) const;
  Result<void> read_entry(std::uint64_t index);
  Result<GgufValue> read_value(const std::string& owner, GgufType type);
  Result<GgufArray> read_array(const std::string& owner);
  Result<GgufArray> read_string_array(const std::string& owner, std::uint64_t count);
  Result<void> check_booleans(const std::string& owner, std::span<const std::byte> values) const;
  Result<void> read_alignment();
  Result<void> read_tensor(std::uint64_t index);
  Result<void> read_shape(const std::string& owner, GgufTensor& tensor);
  Result<std::uint64_t> tensor_bytes(const std::string& owner, const GgufTensor& tensor) const;
  Result<void> place_tensors();
  Result<void> check_overlaps() const;

  std::span<const std::byte> file_;
  const std::string& name_;
  ByteCursor cursor_;
  std::uint64_t tensor_count_ = 0;
  std::uint64_t entry_count_ = 0;
  std::uint64_t strings_left_ = kMaxStrings;
  std::uint64_t alignment_ = 32;
  std::vector<TensorHeader> headers_;  // beside part_.tensors, one for one
  std::unordered_set<std::string_view> seen_;
  GgufPart part_;
};

Result<GgufPart> Parser::run() {
  if (auto read = read_start(); !read) return read.error();
  part_.entries.reserve(entry_count_);
  for (std::uint64_t i = 0; i < entry_count_; ++i) {
    if (auto read = read_entry(i); !read) return read.error();
  }
  if (auto read = read_alignment(); !read) return read.error();
  seen_.clear();
  part_.tensors.reserve(tensor_count_);
  headers_.reserve(tensor_count_);
  for (std::uint64_t i = 0; i < tensor_count_; ++i) {
    if (auto read = read_tensor(i); !read) return read.error();
  }
  if (auto placed = place_tensors(); !placed) return placed.error();
  if (auto checked = check_overlaps(); !checked) return checked.error();
  return std::move(part_);
}

// Magic, version and the two counts.
Result<void> Parser::read_start() {
  if (file_.empty()) return bad("the file is empty");
  std::array<char, 4> magic{};
  if (!cursor_.read(magic)) return bad("not a GGUF file: it has fewer than 4 bytes");
  const std::string_view found(magic.data(), magic.size());
  if (found != "GGUF") {
    return bad(fmt::format("not a GGUF file: it begins with {}, not 'GGUF'", in_quotes(found)));
  }
  std::uint32_t version = 0;
  if (!cursor_.read(version)) return ends_inside("its first 24 bytes");
  if (version != 0 && (version & 0xffffu) == 0) {
    return bad(
        "the file is big-endian, written for another kind of machine; only little-endian GGUF is "
        "read");
  }
  if (version != 2 && version != 3) {
    return bad(fmt::format("GGUF version {} is not read; versions 2 and 3 are", version));
  }
  if (!cursor_.read(tensor_count_) || !cursor_.read(entry_count_)) {
    return ends_inside("its first 24 bytes");
  }
  if (auto checked = check_count(entry_count_, "keys", kLeastEntryBytes); !checked) return checked;
  return check_count(tensor_count_, "tensors", kLeastTensorBytes);
}

Result<void> Parser::check_count(std::uint64_t count, const char* of_what,
                                 std::uint64_t least_bytes) const {
  if (count > cursor_.left() / least_bytes) {
    return bad(fmt::format("the header promises {} {}, but the file has only {} bytes", count,
                           of_what, file_.size()));
  }
  if (count > kMaxEntries) {
    return bad(
        fmt::format("the header promises {} {}, at most {} are read", count, of_what, kMaxEntries));
  }
  return {};
}

Result<void> Parser::read_entry(std::uint64_t index) {
  std::string_view key;
  std::uint32_t type = 0;
  if (!cursor_.read_string(key)) {
    return ends_inside(fmt::format("the name of key {} of {}", index + 1, entry_count_));
  }
  const std::string owner = fmt::format("key {}", printable(key));
  if (!seen_.insert(key).second) return bad(fmt::format("{} appears twice", owner));
  if (!cursor_.read(type)) return ends_inside(owner);
  if (type >= kGgufTypes) {
    return bad(fmt::format("{} has value type {}, which is none", owner, type));
  }
  auto value = read_value(owner, static_cast<GgufType>(type));
  if (!value) return value.error();
  part_.entries.push_back({key, std::move(*value)});
  return {};
}

Result<GgufValue> Parser::read_value(const std::string& owner, GgufType type) {
  const std::uint64_t begin = cursor_.at();
  if (type == GgufType::kArray) {
    auto array = read_array(owner);
    if (!array) return array.error();
    return GgufValue(type, cursor_.since(begin), std::move(*array));
  }
  if (type == GgufType::kString) {
    std::string_view text;
    if (!cursor_.read_string(text)) return ends_inside(owner);
    return GgufValue(type, cursor_.since(begin));
  }
  std::span<const std::byte> encoded;
  if (!cursor_.take(gguf_type_bytes(type), encoded)) return ends_inside(owner);
  if (type == GgufType::kBool) {
    if (auto checked = check_booleans(owner, encoded); !checked) return checked.error();
  }
  return GgufValue(type, encoded);
}

Result<GgufArray> Parser::read_array(const std::string& owner) {
  std::uint32_t id = 0;
  std::uint64_t count = 0;
  if (!cursor_.read(id) || !cursor_.read(count)) return ends_inside(owner);
  if (id >= kGgufTypes) {
    return bad(fmt::format("{} is an array of value type {}, which is none", owner, id));
  }
  const auto element = static_cast<GgufType>(id);
  if (element == GgufType::kArray) {
    return bad(fmt::format("{} is an array of arrays, which is not read", owner));
  }
  if (element == GgufType::kString) return read_string_array(owner, count);
  std::span<const std::byte> elements;
  if (count > cursor_.left() / gguf_type_bytes(element) ||
      !cursor_.take(count * gguf_type_bytes(element), elements)) {
    return ends_inside(
        fmt::format("{}, an array of {} {}s", owner, count, gguf_type_name(element)));
  }
  if (element == GgufType::kBool) {
    if (auto checked = check_booleans(owner, elements); !checked) return checked.error();
  }
  return GgufArray(element, elements);
}

Result<GgufArray> Parser::read_string_array(const std::string& owner, std::uint64_t count) {
  const auto what = [&] { return fmt::format("{}, an array of {} strings", owner, count); };
  if (count > cursor_.left() / kLeastStringBytes) return ends_inside(what());
  if (count > strings_left_) {
    return bad(fmt::format("{}: at most {} strings are read from one file", what(), kMaxStrings));
  }
  strings_left_ -= count;
  std::vector<std::string_view> strings(count);
  for (std::string_view& text : strings) {
    if (!cursor_.read_string(text)) return ends_inside(what());
  }
  return GgufArray(std::move(strings));
}

Result<void> Parser::check_booleans(const std::string& owner,
                                    std::span<const std::byte> values) const {
  for (const std::byte value : values) {
    if (value > std::byte{1}) {
      return bad(fmt::format("{} holds the boolean {}, expected 0 or 1", owner,
                             std::to_integer<int>(value)));
    }
  }
  return {};
}

Result<void> Parser::read_alignment() {
  // Below 8, tensors of floats could not be read in place.
  constexpr std::int64_t kLeastAlignment = 8;
  constexpr std::int64_t kMostAlignment = std::int64_t{1} << 31;
  for (const GgufEntry& entry : part_.entries) {
    if (entry.key != "general.alignment") continue;
    const auto value = entry.value.integer();
    if (!value || *value < kLeastAlignment || *value > kMostAlignment ||
        !std::has_single_bit(static_cast<std::uint64_t>(*value))) {
      return bad(fmt::format("key general.alignment is {}, expected a power of two from {}",
                             entry.value.describe(), kLeastAlignment));
    }
    alignment_ = static_cast<std::uint64_t>(*value);
  }
  return {};
}

Result<void> Parser::read_tensor(std::uint64_t index) {
  GgufTensor tensor{};
  if (!cursor_.read_string(tensor.name)) {
    return ends_inside(fmt::format("the name of tensor {} of {}", index + 1, tensor_count_));
  }
  const std::string owner = fmt::format("tensor {}", printable(tensor.name));
  if (!seen_.insert(tensor.name).second) return bad(fmt::format("{} appears twice", owner));
  if (auto read = read_shape(owner, tensor); !read) return read.error();
  std::uint32_t type = 0;
  std::uint64_t offset = 0;
  if (!cursor_.read(type) || !cursor_.read(offset)) return ends_inside(owner + " of the header");
  const auto known = tensor_type_from_id(type);
  if (!known) {
    return bad(fmt::format("{} has element type {}, which this build does not read", owner, type));
  }
  tensor.type = known->type;
  const auto bytes = tensor_bytes(owner, tensor);
  if (!bytes) return bytes.error();
  if (offset % alignment_ != 0) {
    return bad(fmt::format("{} has offset {}, not a multiple of the alignment {}", owner, offset,
                           alignment_));
  }
  part_.tensors.push_back(tensor);
  headers_.push_back({offset, *bytes});
  return {};
}

Result<void> Parser::read_shape(const std::string& owner, GgufTensor& tensor) {
  if (!cursor_.read(tensor.dims)) return ends_inside(owner + " of the header");
  if (tensor.dims < 1 || tensor.dims > tensor.ne.size()) {
    return bad(fmt::format("{} has {} dimensions, expected 1 to 4", owner, tensor.dims));
  }
  tensor.ne.fill(1);
  for (std::uint32_t axis = 0; axis < tensor.dims; ++axis) {
    if (!cursor_.read(tensor.ne[axis])) return ends_inside(owner + " of the header");
    if (tensor.ne[axis] == 0) return bad(fmt::format("{} has an empty dimension", owner));
  }
  return {};
}

Result<std::uint64_t> Parser::tensor_bytes(const std::string& owner,
                                           const GgufTensor& tensor) const {
  const TensorTypeInfo& type = info(tensor.type);
  if (tensor.ne[0] % type.block_values != 0) {
    return bad(fmt::format("{} has rows of {} values, not a multiple of {}'s block of {}", owner,
                           tensor.ne[0], type.name, type.block_values));
  }
  std::uint64_t bytes = tensor.ne[0] / type.block_values;
  bool overflows = __builtin_mul_overflow(bytes, std::uint64_t{type.block_bytes}, &bytes);
  for (std::uint32_t axis = 1; axis < tensor.dims; ++axis) {
    overflows = __builtin_mul_overflow(bytes, tensor.ne[axis], &bytes) || overflows;
  }
  // The values are counted too, so that nobody who multiplies the dimensions overflows later.
  std::uint64_t values = 1;
  for (const std::uint64_t extent : tensor.ne) {
    overflows = __builtin_mul_overflow(values, extent, &values) || overflows;
  }
  if (overflows) {
    return bad(fmt::format("{} claims {} x {} x {} x {} values, more than any file holds", owner,
                           tensor.ne[0], tensor.ne[1], tensor.ne[2], tensor.ne[3]));
  }
  return bytes;
}

Result<void> Parser::place_tensors() {
  const std::uint64_t header = cursor_.at();
  const std::uint64_t data_start = divide_up(header, alignment_) * alignment_;
  for (std::size_t i = 0; i < headers_.size(); ++i) {
    const std::string_view name = part_.tensors[i].name;
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
    if (__builtin_add_overflow(data_start, headers_[i].offset, &begin) ||
        __builtin_add_overflow(begin, headers_[i].bytes, &end)) {
      return bad(fmt::format("tensor {} has offset {}, beyond any file", printable(name),
                             headers_[i].offset));
    }
    if (end > file_.size()) {
      return bad(fmt::format("tensor {} ends at byte {}, but the file has {} (truncated download?)",
                             printable(name), end, file_.size()));
    }
    part_.tensors[i].bytes = file_.subspan(begin, headers_[i].bytes);
  }
  return {};
}

Result<void> Parser::check_overlaps() const {
  std::vector<std::size_t> order(headers_.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return headers_[a].offset < headers_[b].offset; });
  for (std::size_t i = 1; i < order.size(); ++i) {
    const TensorHeader& before = headers_[order[i - 1]];
    const TensorHeader& here = headers_[order[i]];
    if (before.offset + before.bytes > here.offset) {
      return bad(fmt::format("tensors {} and {} overlap",
                             printable(part_.tensors[order[i - 1]].name),
                             printable(part_.tensors[order[i]].name)));
    }
  }
  return {};
}

}  // namespace

Result<GgufPart> parse_gguf(std::span<const std::byte> bytes, const std::string& name) {
  return Parser(bytes, name).run();
}

}  // namespace outrider
