// How fast this machine reads memory: what a launch that reads all weights is held against.
#pragma once
#include "platform/thread_pool.h"

namespace outrider {

// Bytes read per second by all threads together from memory far larger than any cache. Takes half
// a gigabyte and about a second.
double read_bandwidth(ThreadPool& pool);

}  // namespace outrider
