// What this machine can do at most: what measured kernels are held against.
#pragma once
#include <cstddef>

#include "platform/thread_pool.h"

namespace outrider {

// Products of a weight and an activation per second, all threads together, in a loop that issues
// what the packed kernels issue for 32 columns of Q4_0 (products, their sum, zero point, scale) on
// registers alone. 0 where there is no such loop for the instruction set.
double register_rate(ThreadPool& pool, const char* target);

// Likewise of a loop that issues what the kernels on tile registers issue for a block of Q4_0 and
// 16 activation rows. 0 where there are no such registers.
double tile_rate(ThreadPool& pool);

}  // namespace outrider
