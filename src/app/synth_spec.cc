#include "app/synth_spec.h"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <limits>
#include <set>

#include "platform/mapped_file.h"
#include "quant/codec.h"

namespace outrider {
namespace {

namespace json = boost::json;

constexpr std::uint64_t kMaxValues = std::uint64_t{1} << 40;  // of one tensor

class SpecReader {
 public:
  explicit SpecReader(const std::string& name) : name_(name) {}

  Result<SynthModel> read(const json::value& root) const {
    const json::object* object = root.if_object();
    if (object == nullptr) return bad("is not a JSON object");
    SynthModel model;
    const std::int64_t* seed = integer(object->if_contains("seed"));
    if (seed == nullptr || *seed < 0) return bad("has no \"seed\", a whole number");
    model.seed = static_cast<std::uint64_t>(*seed);
    if (const auto done = read_metadata(*object, model); !done) return done.error();
    if (const auto done = read_tensors(*object, model); !done) return done.error();
    if (const auto done = read_computed(*object, model); !done) return done.error();
    return model;
  }

  Error bad(const std::string& what) const {
    return {ErrorCode::kBadModelFile, fmt::format("{} {}", name_, what)};
  }

 private:
  static const std::int64_t* integer(const json::value* value) {
    return value == nullptr ? nullptr : value->if_int64();
  }
  static std::string_view text(const json::value* value) {
    const json::string* string = value == nullptr ? nullptr : value->if_string();
    return string == nullptr ? std::string_view()
                             : std::string_view(string->data(), string->size());
  }

  Result<MetadataValue> metadata_value(std::string_view key, const json::value& value) const {
    const Error error = bad(fmt::format("gives \"{}\" a value of no known kind", key));
    if (const json::string* string = value.if_string()) return MetadataValue(std::string(*string));
    if (const double* number = value.if_double()) {
      return MetadataValue(static_cast<float>(*number));
    }
    if (const bool* boolean = value.if_bool()) return MetadataValue(*boolean);
    if (const std::int64_t* whole = value.if_int64()) {
      if (*whole < 0 || *whole > std::numeric_limits<std::uint32_t>::max()) return error;
      return MetadataValue(static_cast<std::uint32_t>(*whole));
    }
    const json::array* list = value.if_array();
    if (list == nullptr || list->empty()) return error;
    std::vector<std::int32_t> numbers;
    std::vector<bool> booleans;
    for (const json::value& element : *list) {
      if (const bool* boolean = element.if_bool()) booleans.push_back(*boolean);
      const std::int64_t* whole = element.if_int64();
      if (whole != nullptr && *whole >= std::numeric_limits<std::int32_t>::min() &&
          *whole <= std::numeric_limits<std::int32_t>::max()) {
        numbers.push_back(static_cast<std::int32_t>(*whole));
      }
    }
    if (numbers.size() == list->size()) return MetadataValue(std::move(numbers));
    if (booleans.size() == list->size()) return MetadataValue(std::move(booleans));
    return error;
  }

  Result<void> read_metadata(const json::object& root, SynthModel& model) const {
    const json::value* metadata = root.if_contains("metadata");
    const json::object* entries = metadata == nullptr ? nullptr : metadata->if_object();
    if (entries == nullptr) return bad("has no \"metadata\" object");
    for (const auto& [key, value] : *entries) {
      auto known = metadata_value({key.data(), key.size()}, value);
      if (!known) return known.error();
      model.metadata.emplace_back(std::string(key), *std::move(known));
    }
    return {};
  }

  Result<std::vector<std::uint64_t>> read_shape(std::string_view tensor, const json::value* shape,
                                                TensorType type) const {
    const json::array* list = shape == nullptr ? nullptr : shape->if_array();
    const Error error =
        bad(fmt::format("gives tensor \"{}\" no shape of 1 to 4 whole numbers, the "
                        "first a multiple of {}",
                        tensor, info(type).block_values));
    if (list == nullptr || list->empty() || list->size() > 4) return error;
    std::vector<std::uint64_t> ne;
    std::uint64_t values = 1;
    for (const json::value& extent : *list) {
      const std::int64_t* whole = extent.if_int64();
      if (whole == nullptr || *whole <= 0) return error;
      ne.push_back(static_cast<std::uint64_t>(*whole));
      if (ne.back() > kMaxValues / values) return error;
      values *= ne.back();
    }
    if (ne[0] % info(type).block_values != 0) return error;
    return ne;
  }

  Result<TensorType> read_type(std::string_view tensor, std::string_view name) const {
    const auto type = tensor_type_from_name(name);
    if (type && (can_encode(type->type) || type->type == TensorType::kI32)) return type->type;
    return bad(
        fmt::format("gives tensor \"{}\" the type \"{}\", which cannot be written", tensor, name));
  }

  // [name, type, [ne0, ne1, ...], mean, std]
  Result<SynthTensor> read_drawn(const json::value& value) const {
    const json::array* list = value.if_array();
    if (list == nullptr || list->size() != 5 || !(*list)[0].is_string() ||
        !(*list)[3].is_number() || !(*list)[4].is_number()) {
      return bad("lists a tensor that is not [name, type, shape, mean, std]");
    }
    SynthTensor tensor;
    tensor.name = text(&(*list)[0]);
    const auto type = read_type(tensor.name, text(&(*list)[1]));
    if (!type) return type.error();
    if (*type == TensorType::kI32) {
      return bad(fmt::format("draws tensor \"{}\" as I32", tensor.name));
    }
    tensor.type = *type;
    auto shape = read_shape(tensor.name, &(*list)[2], *type);
    if (!shape) return shape.error();
    tensor.ne = *std::move(shape);
    tensor.mean = (*list)[3].to_number<float>();
    tensor.std = (*list)[4].to_number<float>();
    return tensor;
  }

  Result<void> read_tensors(const json::object& root, SynthModel& model) const {
    const json::value* listed = root.if_contains("tensors");
    const json::array* tensors = listed == nullptr ? nullptr : listed->if_array();
    if (tensors == nullptr) return bad("has no \"tensors\" list");
    for (const json::value& value : *tensors) {
      auto tensor = read_drawn(value);
      if (!tensor) return tensor.error();
      if (const auto added = add(*std::move(tensor), model); !added) return added;
    }
    return {};
  }

  // {"name", "type", "shape", "fill"}, and "rotated" for rope_freqs.
  Result<SynthTensor> read_filled(const json::value& value) const {
    const json::object* object = value.if_object();
    if (object == nullptr) return bad("lists a computed tensor that is not an object");
    SynthTensor tensor;
    tensor.name = text(object->if_contains("name"));
    const std::string_view fill = text(object->if_contains("fill"));
    if (fill == "rope_freqs") {
      tensor.fill = SynthFill::kRopeFreqs;
      tensor.type = TensorType::kF32;
    } else if (fill == "permuted_id") {
      tensor.fill = SynthFill::kPermutedId;
      tensor.type = TensorType::kI32;
    } else {
      return bad(fmt::format("computes tensor \"{}\" by \"{}\", expected rope_freqs or permuted_id",
                             tensor.name, fill));
    }
    auto shape = read_shape(tensor.name, object->if_contains("shape"), tensor.type);
    if (!shape) return shape.error();
    tensor.ne = *std::move(shape);
    const std::int64_t* rotated = integer(object->if_contains("rotated"));
    const auto fits = [&](std::int64_t n) {
      return n >= 0 && static_cast<std::uint64_t>(n) <= tensor.ne[0];
    };
    const bool sound = tensor.fill == SynthFill::kRopeFreqs ? rotated != nullptr && fits(*rotated)
                                                            : tensor.ne[0] < 1u << 31;
    if (tensor.ne.size() != 1 || !sound) {
      return bad(
          fmt::format("computes tensor \"{}\", but its members do not fit together", tensor.name));
    }
    if (rotated != nullptr) tensor.rotated = static_cast<std::uint32_t>(*rotated);
    return tensor;
  }

  Result<void> read_computed(const json::object& root, SynthModel& model) const {
    const json::value* listed = root.if_contains("computed");
    if (listed == nullptr) return {};
    const json::array* tensors = listed->if_array();
    if (tensors == nullptr) return bad("has a \"computed\" that is no list");
    for (const json::value& value : *tensors) {
      auto tensor = read_filled(value);
      if (!tensor) return tensor.error();
      if (const auto added = add(*std::move(tensor), model); !added) return added;
    }
    return {};
  }

  Result<void> add(SynthTensor tensor, SynthModel& model) const {
    for (const SynthTensor& other : model.tensors) {
      if (other.name == tensor.name) {
        return bad(fmt::format("lists tensor \"{}\" twice", tensor.name));
      }
    }
    model.tensors.push_back(std::move(tensor));
    return {};
  }

  const std::string& name_;
};

}  // namespace

Result<SynthModel> parse_synth_spec(std::string_view text, const std::string& name) {
  const SpecReader reader(name);
  json::error_code failed;
  const json::value root = json::parse({text.data(), text.size()}, failed);
  if (failed) return reader.bad("is not JSON: " + failed.message());
  return reader.read(root);
}

Result<SynthModel> read_synth_spec(const std::string& path) {
  const auto file = MappedFile::open(path);
  if (!file) return file.error();
  const auto bytes = file->bytes();
  return parse_synth_spec({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, path);
}

}  // namespace outrider
