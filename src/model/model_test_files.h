// Model files for tests: the golden cases, taken apart, changed and written again.
#pragma once
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "format/gguf.h"
#include "format/gguf_writer.h"
#include "format/safetensors.h"
#include "quant/codec.h"

namespace outrider {

inline std::string golden_case(std::string_view name) {
  return std::string(OUTRIDER_SOURCE_DIR "/tests/golden/cases/") + std::string(name);
}

// A path in a folder of this process's own (tests run at once), removed at its end.
inline std::string temporary_path(std::string_view name) {
  struct Folder {
    std::string path = testing::TempDir() + "/model_test_" + std::to_string(::getpid()) + "/";
    Folder() { std::filesystem::create_directories(path); }
    ~Folder() { std::filesystem::remove_all(path); }
  };
  static const Folder folder;
  return folder.path + std::string(name);
}

// Tests stop where their own files cannot be made.
template <class T>
T checked(Result<T> result) {
  if (!result) ADD_FAILURE() << result.error().message;
  return std::move(*result);
}

class EditedModel {
 public:
  struct Tensor {
    std::string name;
    TensorType type;
    std::vector<std::uint64_t> ne;
    std::vector<std::byte> bytes;
  };

  explicit EditedModel(const std::string& path)
      : file_(std::make_unique<GgufFile>(checked(GgufFile::open(path)))) {
    for (const GgufTensor& t : file_->tensors()) {
      tensors_.push_back({std::string(t.name),
                          t.type,
                          {t.ne.begin(), t.ne.begin() + t.dims},
                          {t.bytes.begin(), t.bytes.end()}});
    }
  }

  std::vector<Tensor>& tensors() { return tensors_; }
  Tensor& tensor(std::string_view name) {
    const auto at = std::find_if(tensors_.begin(), tensors_.end(),
                                 [&](const Tensor& t) { return t.name == name; });
    require(at != tensors_.end(), "a tensor to be edited is there");
    return *at;
  }
  void drop(std::string_view name) {
    const std::size_t dropped =
        std::erase_if(tensors_, [&](const Tensor& t) { return t.name == name; });
    require(dropped == 1, "a tensor to be dropped is there");
  }
  void add_floats(std::string name, std::vector<std::uint64_t> ne, std::span<const float> values) {
    const auto bytes = std::as_bytes(values);
    tensors_.push_back(
        {std::move(name), TensorType::kF32, std::move(ne), {bytes.begin(), bytes.end()}});
  }
  void add_ids(std::string name, std::span<const std::int32_t> ids) {
    const auto bytes = std::as_bytes(ids);
    tensors_.push_back(
        {std::move(name), TensorType::kI32, {ids.size()}, {bytes.begin(), bytes.end()}});
  }
  // Stores a tensor in another type, rounded.
  static void convert(Tensor& tensor, TensorType type) {
    const std::uint64_t cols = tensor.ne[0];
    const std::size_t from = row_bytes(tensor.type, cols), to = row_bytes(type, cols);
    const std::size_t rows = tensor.bytes.size() / from;
    std::vector<std::byte> bytes(rows * to);
    std::vector<float> row(cols);
    for (std::size_t r = 0; r < rows; ++r) {
      decode_row(tensor.type, std::span(tensor.bytes).subspan(r * from, from), row);
      encode_row(type, row, std::span(bytes).subspan(r * to, to));
    }
    tensor.type = type;
    tensor.bytes = std::move(bytes);
  }

  void drop_key(std::string_view key) { dropped_keys_.emplace(key); }
  void rename_key(std::string_view from, std::string_view to) {
    renamed_keys_[std::string(from)] = to;
  }
  // Every key of that prefix, and the architecture's own name.
  void rename_architecture(const std::string& from, const std::string& to) {
    for (const std::string_view key : file_->keys()) {
      if (key.starts_with(from + ".")) {
        rename_key(key, to + std::string(key.substr(from.size())));
      }
    }
    set([to](GgufWriter& w) { w.set_string("general.architecture", to); });
  }
  // Calls `edit` after the file's own keys were set.
  void set(std::function<void(GgufWriter&)> edit) { edits_.push_back(std::move(edit)); }
  void set_u32(std::string key, std::uint32_t value) {
    set([key = std::move(key), value](GgufWriter& w) { w.set_u32(key, value); });
  }

  // Writes it under that name and returns its path.
  std::string write(std::string_view name) const {
    const std::string path = temporary_path(name);
    GgufWriter writer = checked(GgufWriter::create(path));
    for (const std::string_view key : file_->keys()) {
      if (dropped_keys_.contains(std::string(key))) continue;
      const auto renamed = renamed_keys_.find(std::string(key));
      writer.set_value(renamed == renamed_keys_.end() ? key : renamed->second, *file_->value(key));
    }
    for (const auto& edit : edits_) edit(writer);
    for (const Tensor& t : tensors_) writer.declare_tensor(t.name, t.type, t.ne);
    for (const Tensor& t : tensors_) {
      const auto written = writer.write(t.name, t.bytes);
      EXPECT_TRUE(written) << t.name;
    }
    EXPECT_TRUE(writer.finish());
    return path;
  }

 private:
  std::unique_ptr<GgufFile> file_;
  std::vector<Tensor> tensors_;
  std::set<std::string> dropped_keys_;
  std::map<std::string, std::string> renamed_keys_;
  std::vector<std::function<void(GgufWriter&)>> edits_;
};

// The centroid head of a case's assistant, which its GGUF lacks.
struct CentroidTensors {
  std::uint64_t clusters, width;
  std::vector<float> centroids;        // [clusters, width]
  std::vector<std::int32_t> ordering;  // token ids, cluster by cluster
};

inline CentroidTensors read_centroids(const std::string& folder) {
  const SafetensorsFile file = checked(SafetensorsFile::open(folder));
  const SafetensorsTensor* centroids = file.find("masked_embedding.centroids.weight");
  const SafetensorsTensor* ordering = file.find("masked_embedding.token_ordering");
  require(centroids != nullptr && ordering != nullptr, "the folder has a centroid head");
  CentroidTensors head{
      centroids->shape[0], centroids->shape[1], checked(read_floats(*centroids)), {}};
  for (const std::int64_t id : checked(read_integers(*ordering)))
    head.ordering.push_back(static_cast<std::int32_t>(id));
  return head;
}

inline constexpr std::uint32_t kCentroidTop = 6;  // of the golden cases

// A ple case's assistant with its centroid head, as upstream spells it. `name` is "ple" or
// "mild/ple".
inline EditedModel assistant_with_centroids(const std::string& name) {
  const CentroidTensors head = read_centroids(golden_case(name + "/assistant"));
  EditedModel model(golden_case(name + "/assistant.gguf"));
  model.add_floats("masked_embd_centroids.weight", {head.width, head.clusters}, head.centroids);
  model.add_ids("masked_embd_ordering", head.ordering);
  model.set_u32("gemma4-assistant.centroid_top_k", kCentroidTop);
  return model;
}

}  // namespace outrider
