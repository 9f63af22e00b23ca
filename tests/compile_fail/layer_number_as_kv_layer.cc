// Layers that own keys are counted on their own; a layer's number is not theirs.
#include "kv/pool.h"

namespace outrider::layer_number_as_kv_layer {

#ifdef LAWFUL
std::size_t f(const KvLayout& layout, KvLayerId own) {
  return layout.place(own).offset_bytes;
}
#else
std::size_t f(const KvLayout& layout, std::uint32_t layer) {
  return layout.place(layer).offset_bytes;
}
#endif

}  // namespace outrider::layer_number_as_kv_layer
