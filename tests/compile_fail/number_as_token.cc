// A bare number is no token.
#include "step/batch.h"

namespace outrider::number_as_token {

#ifdef LAWFUL
RowSource f(TokenId token) {
  return token;
}
#else
RowSource f(std::uint32_t number) {
  return number;
}
#endif

}  // namespace outrider::number_as_token
