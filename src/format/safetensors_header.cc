#include "format/safetensors_header.h"

#include <fmt/format.h>

#include <boost/json/basic_parser_impl.hpp>
#include <unordered_set>
#include <utility>

#include "format/printable.h"

namespace outrider {
namespace {

namespace json = boost::json;
using boost::system::error_code;

// Far above any real file; they bound what a hostile one makes us allocate.
constexpr std::size_t kMaxTensors = std::size_t{1} << 17;
constexpr std::size_t kMaxMetadata = std::size_t{1} << 16;
constexpr std::size_t kMaxAxes = 8;
constexpr std::size_t kOffsets = 2;

class Handler {
 public:
  // Boost.JSON looks for these four names.
  static constexpr std::size_t max_object_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_array_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_key_size = std::size_t{1} << 16;
  static constexpr std::size_t max_string_size = std::size_t{1} << 24;

  SafetensorsHeader header;
  std::string problem;  // why an event was refused

  bool on_document_begin(error_code&) { return true; }
  bool on_document_end(error_code&) { return true; }

  bool on_object_begin(error_code& ec) {
    if (place_ == Place::kDocument) return go(Place::kHeader);
    if (place_ != Place::kHeader) return refuse_value(ec);
    if (key_ == "__metadata__") return go(Place::kMetadata);
    if (header.entries.size() == kMaxTensors) {
      return refuse(ec, fmt::format("the header lists more than {} tensors", kMaxTensors));
    }
    entry_ = {};
    entry_.name = key_;
    fields_.clear();
    return go(Place::kTensor);
  }
  bool on_object_end(std::size_t, error_code& ec) {
    if (place_ == Place::kTensor) {
      for (const char* field : {"dtype", "shape", "data_offsets"}) {
        if (fields_.contains(field)) continue;
        return refuse(ec, fmt::format("{} has no {}", owner(), field));
      }
      header.entries.push_back(std::move(entry_));
    }
    return go(place_ == Place::kHeader ? Place::kDocument : Place::kHeader);
  }

  bool on_array_begin(error_code& ec) {
    if (place_ != Place::kTensor) return refuse_value(ec);
    if (field_ == "shape") return go(Place::kShape);
    if (field_ == "data_offsets") return go(Place::kDataOffsets);
    return refuse_value(ec);
  }
  bool on_array_end(std::size_t n, error_code& ec) {
    if (place_ == Place::kDataOffsets && n != kOffsets) {
      return refuse(ec, fmt::format("{} has {} data_offsets, expected 2", owner(), n));
    }
    return go(Place::kTensor);
  }

  bool on_key_part(json::string_view part, std::size_t, error_code&) { return gather(part); }
  bool on_key(json::string_view part, std::size_t, error_code& ec) {
    gather(part);
    std::string text = std::exchange(gathered_, {});
    if (place_ == Place::kTensor) {
      field_ = std::move(text);
      if (fields_.insert(field_).second) return true;
      return refuse(ec, fmt::format("{} has two fields {}", owner(), in_quotes(field_)));
    }
    if (place_ == Place::kMetadata) {
      field_ = std::move(text);
      return true;
    }
    key_ = std::move(text);
    if (names_.insert(key_).second) return true;
    return refuse(ec, fmt::format("tensor {} appears twice", printable(key_)));
  }

  bool on_string_part(json::string_view part, std::size_t, error_code&) { return gather(part); }
  bool on_string(json::string_view part, std::size_t, error_code& ec) {
    gather(part);
    std::string text = std::exchange(gathered_, {});
    if (place_ == Place::kTensor && field_ == "dtype") {
      entry_.type = std::move(text);
      return true;
    }
    if (place_ != Place::kMetadata) return refuse_value(ec);
    if (header.metadata.size() == kMaxMetadata) {
      return refuse(ec, fmt::format("__metadata__ has more than {} keys", kMaxMetadata));
    }
    if (header.metadata.emplace(field_, std::move(text)).second) return true;
    return refuse(ec, fmt::format("__metadata__ key {} appears twice", in_quotes(field_)));
  }

  bool on_int64(std::int64_t value, json::string_view, error_code& ec) {
    if (value < 0) return refuse_value(ec);
    return on_count(static_cast<std::uint64_t>(value), ec);
  }
  bool on_uint64(std::uint64_t value, json::string_view, error_code& ec) {
    return on_count(value, ec);
  }
  bool on_number_part(json::string_view, error_code&) { return true; }
  bool on_double(double, json::string_view, error_code& ec) { return refuse_value(ec); }
  bool on_bool(bool, error_code& ec) { return refuse_value(ec); }
  bool on_null(error_code& ec) { return refuse_value(ec); }
  bool on_comment_part(json::string_view, error_code&) { return true; }
  bool on_comment(json::string_view, error_code&) { return true; }

 private:
  enum class Place { kDocument, kHeader, kMetadata, kTensor, kShape, kDataOffsets };

  bool go(Place place) {
    place_ = place;
    if (place == Place::kDataOffsets) offsets_ = 0;
    return true;
  }
  bool gather(json::string_view part) {
    gathered_.append(part.data(), part.size());
    return true;
  }
  bool on_count(std::uint64_t value, error_code& ec) {
    if (place_ == Place::kShape) {
      entry_.shape.push_back(value);
      if (entry_.shape.size() <= kMaxAxes) return true;
      return refuse(ec, fmt::format("{} has more than {} dimensions", owner(), kMaxAxes));
    }
    if (place_ != Place::kDataOffsets) return refuse_value(ec);
    if (offsets_ < kOffsets) (offsets_ == 0 ? entry_.begin : entry_.end) = value;
    ++offsets_;
    return true;
  }

  std::string owner() const { return fmt::format("tensor {}", printable(entry_.name)); }
  bool refuse(error_code& ec, std::string why) {
    problem = std::move(why);
    ec = json::error::exception;  // any error stops the parser; `problem` is what is shown
    return false;
  }
  bool refuse_value(error_code& ec) {
    if (place_ == Place::kDocument) return refuse(ec, "the header is not a JSON object");
    if (place_ == Place::kHeader) {
      return refuse(ec, fmt::format("tensor {} is not described by an object", printable(key_)));
    }
    if (place_ == Place::kMetadata) {
      return refuse(ec, fmt::format("__metadata__ key {} is not a text", in_quotes(field_)));
    }
    return refuse(ec, fmt::format("{} has an unexpected value in {}", owner(), in_quotes(field_)));
  }

  Place place_ = Place::kDocument;
  std::string gathered_;  // parts of the key or string being read
  std::string key_;       // of the header's object
  std::string field_;     // of the object below it
  SafetensorsEntry entry_;
  std::size_t offsets_ = 0;
  std::unordered_set<std::string> fields_;
  std::unordered_set<std::string> names_;
};

}  // namespace

Result<SafetensorsHeader> parse_safetensors_header(std::string_view text, const std::string& file) {
  json::parse_options options;
  options.max_depth = 4;
  json::basic_parser<Handler> parser(options);
  error_code ec;
  const std::size_t read = parser.write_some(false, text.data(), text.size(), ec);
  Handler& handler = parser.handler();
  if (!ec && read < text.size()) ec = json::error::extra_data;
  if (ec) {
    const std::string why = handler.problem.empty()
                                ? fmt::format("the header is not valid JSON: {}", ec.message())
                                : handler.problem;
    return Error{ErrorCode::kBadModelFile, fmt::format("{}: {}", file, why)};
  }
  return std::move(handler.header);
}

}  // namespace outrider
