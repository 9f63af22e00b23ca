// Contracts: what must hold unless we have a bug. Always on, in release builds too.
#pragma once
#include <cstdint>
#include <cstdio>
#include <cstdlib>

namespace outrider {

[[noreturn]] inline void contract_failed(const char* what, const char* file = __builtin_FILE(),
                                         int line = __builtin_LINE()) {
  std::fprintf(stderr, "%s:%d: contract failed: %s\n", file, line, what);
  std::abort();
}

// A broken contract is our bug, so we stop. A bad file, a bad request or a full pool is the world's
// doing, so it is a Result and never reaches here.
inline void require(bool holds, const char* what, const char* file = __builtin_FILE(),
                    int line = __builtin_LINE()) {
  if (!holds) [[unlikely]]
    contract_failed(what, file, line);
}

// Division that must leave nothing over: 1 row / 2 streams = 0 rows is how a batch goes missing.
template <class T>
constexpr T divide_exact(T dividend, T divisor) {
  require(divisor != 0 && dividend % divisor == 0, "a division that leaves nothing over");
  return dividend / divisor;
}

template <class T>
constexpr T divide_up(T dividend, T divisor) {
  return (dividend + divisor - 1) / divisor;
}

}  // namespace outrider
