// Where a layer's keys and values stand inside a page. A page holds 64 positions of every KV-owning
// layer of one group, as planes [64, head_dim] per layer, KV head and side, so a head's keys are
// read as one run of memory.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/contract.h"
#include "core/id.h"

namespace outrider {

enum class KvFormat { kF32, kF16 };
enum class KvGroup : std::uint32_t { kGlobal = 0, kSliding = 1 };
enum class KvSide : std::uint32_t { kKey = 0, kValue = 1 };
inline constexpr std::size_t kKvGroups = 2;
inline constexpr std::array<KvGroup, kKvGroups> kEachKvGroup = {KvGroup::kGlobal,
                                                                KvGroup::kSliding};
inline constexpr std::uint32_t kPageRows = 64;  // positions per page

// Page counts of both groups.
struct KvPages {
  std::uint32_t global;
  std::uint32_t sliding;
};

constexpr std::size_t kv_value_bytes(KvFormat format) {
  return format == KvFormat::kF32 ? 4 : 2;
}

using KvLayerId = Id<struct KvLayerIdTag>;  // counts KV-owning layers only, in model order

struct KvLayerShape {
  KvGroup group;
  std::uint32_t kv_heads;
  std::uint32_t head_dim;
};

// One KV-owning layer's place in the pages of its group.
struct KvLayerPlace {
  KvLayerShape shape;
  std::size_t offset_bytes;  // of the layer's first plane, from the start of a page
};

class KvLayout {
 public:
  KvLayout(std::span<const KvLayerShape> layers, KvFormat format);

  KvFormat format() const { return format_; }
  std::size_t layers() const { return places_.size(); }
  std::size_t page_bytes(KvGroup group) const {
    return page_bytes_[static_cast<std::size_t>(group)];
  }
  const KvLayerPlace& place(KvLayerId layer) const {
    require(layer.value() < places_.size(), "a KV layer of this model");
    return places_[layer.value()];
  }
  // Bytes from a page's start to the plane [64, head_dim] of one head and side.
  std::size_t plane_offset(KvLayerId layer, std::uint32_t head, KvSide side) const {
    const KvLayerPlace& at = place(layer);
    require(head < at.shape.kv_heads, "a KV head of this layer");
    return at.offset_bytes +
           (std::size_t{head} * 2 + static_cast<std::size_t>(side)) * plane_bytes(at.shape);
  }
  std::size_t plane_bytes(const KvLayerShape& shape) const {
    return std::size_t{kPageRows} * shape.head_dim * kv_value_bytes(format_);
  }

 private:
  KvFormat format_;
  std::vector<KvLayerPlace> places_;
  std::size_t page_bytes_[kKvGroups] = {0, 0};
};

}  // namespace outrider
