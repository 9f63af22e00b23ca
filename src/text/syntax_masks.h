// Which tokens may come next where a text has to keep to a syntax.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "core/id.h"
#include "text/syntax.h"
#include "text/token_bytes.h"

namespace outrider {

struct TokenSyntax {
  Syntax syntax;
  // Shared: a request can outlive who made it.
  std::shared_ptr<const TokenBytes> tokens;  // complete
};

// A mask is worked out once for each place and kept while it is among the last that were asked for.
// What a token does there is not looked up in all of them: those that begin with a byte that may
// not come are passed over together, and inside strings and names the answer is known beforehand.
class SyntaxMasks {
 public:
  // Keeps so many masks, for which it takes memory at once; later it takes none.
  SyntaxMasks(TokenSyntax rules, std::size_t kept);

  SyntaxPlace start() const { return SyntaxPlace(rules_.syntax); }
  // Behind a token more; nowhere if it may not come.
  void advance(SyntaxPlace& place, TokenId token) const;
  // At least one token. Empty: all may, as the text is over or went astray. Borrowed until `kept`
  // other places were asked for.
  std::span<const std::uint64_t> allowed(const SyntaxPlace& place);

 private:
  struct Mask {
    SyntaxPlace place{};
    std::uint64_t hash = 0;
    std::uint64_t used = 0;  // when
    TokenMask bits{};
  };
  void fill(const SyntaxPlace& place, TokenMask& bits);
  void add_tokens_with(std::uint32_t byte, const SyntaxPlace& place, TokenMask& bits);

  TokenSyntax rules_;
  std::vector<Mask> masks_;
  std::vector<SyntaxPlace> places_;  // behind the first bytes of the token at hand
  std::uint64_t time_ = 0;
};

}  // namespace outrider
