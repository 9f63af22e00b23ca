// The registers that hold tiles of a matrix, which a program has to ask the system for.
#pragma once

namespace outrider {

// Whether the processor multiplies tiles of bytes (AMX) and the system lets this process do so,
// from now on. A thread shapes its own registers.
bool allow_tile_registers();

}  // namespace outrider
