// The registers that hold tiles of a matrix, which a program has to ask the system for.
#pragma once
#include <cstdint>

namespace outrider {

// What LDTILECFG reads: rows of each tile, and their bytes.
struct alignas(64) TileShapes {
  std::uint8_t palette = 1, start_row = 0, reserved[14] = {};
  std::uint16_t row_bytes[16] = {};
  std::uint8_t rows[16] = {};
};

// Whether the processor multiplies tiles of bytes (AMX) and the system lets this process do so,
// from now on. A thread shapes its own registers.
bool allow_tile_registers();

}  // namespace outrider
