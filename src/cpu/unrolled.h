// OUTRIDER_UNROLLED stands before a loop over sums that are to be in registers, as many as the loop
// has turns: left to itself, GCC unrolls some such loops too late for that, and others never.
#pragma once

#if defined(__clang__)
#define OUTRIDER_UNROLLED _Pragma("unroll")
#else
#define OUTRIDER_UNROLLED _Pragma("GCC unroll 8")
#endif
