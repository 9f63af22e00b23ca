#include "server/exchange.h"

namespace outrider {

ApiKind api_of_path(const std::string& path) {
  if (path.starts_with("/v1/messages")) return ApiKind::kMessage;
  if (path.starts_with("/v1/responses")) return ApiKind::kResponse;
  if (path.starts_with("/v1/completions")) return ApiKind::kCompletion;
  if (path.starts_with("/v1/")) return ApiKind::kChat;
  return ApiKind::kLlama;
}

}  // namespace outrider
