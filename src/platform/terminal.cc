#include "platform/terminal.h"

#include <unistd.h>

namespace outrider {

bool is_terminal(std::FILE* stream) {
  return isatty(fileno(stream)) == 1;
}

}  // namespace outrider
