#include "kv/layout.h"

namespace outrider {

KvLayout::KvLayout(std::span<const KvLayerShape> layers, KvFormat format) : format_(format) {
  places_.reserve(layers.size());
  for (const KvLayerShape& shape : layers) {
    std::size_t& page = page_bytes_[static_cast<std::size_t>(shape.group)];
    places_.push_back({shape, page});
    page += std::size_t{shape.kv_heads} * 2 * plane_bytes(shape);
  }
}

}  // namespace outrider
