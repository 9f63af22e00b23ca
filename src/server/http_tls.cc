#include "server/http_tls.h"

#include <fmt/format.h>
#include <openssl/ssl.h>

#include <string_view>
#include <utility>

namespace outrider {
namespace {

namespace ssl = boost::asio::ssl;
using boost::system::error_code;

constexpr std::string_view kHttp11 = "\x08http/1.1";

// Clients that offer protocols get HTTP/1.1; others speak it anyway.
int choose_protocol(SSL*, const unsigned char** chosen, unsigned char* chosen_bytes,
                    const unsigned char* offered, unsigned offered_bytes, void*) {
  const auto* ours = reinterpret_cast<const unsigned char*>(kHttp11.data());
  unsigned char* pick = nullptr;
  const int outcome = SSL_select_next_proto(
      &pick, chosen_bytes, ours, static_cast<unsigned>(kHttp11.size()), offered, offered_bytes);
  *chosen = pick;
  return outcome == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

Error unusable(const std::string& file, std::string_view what, const error_code& code) {
  return {ErrorCode::kBadRequest,
          fmt::format("{}: cannot be used as {}: {}", file, what, code.message())};
}

}  // namespace

Result<ssl::context> make_tls(const std::string& certificate_file, const std::string& key_file) {
  ssl::context context(ssl::context::tls_server);
  error_code code;
  SSL_CTX_set_min_proto_version(context.native_handle(), TLS1_2_VERSION);
  SSL_CTX_set_options(context.native_handle(), SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                                                   SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_alpn_select_cb(context.native_handle(), choose_protocol, nullptr);
  context.use_certificate_chain_file(certificate_file, code);
  if (code) return unusable(certificate_file, "a certificate chain", code);
  context.use_private_key_file(key_file, ssl::context::pem, code);
  if (code) return unusable(key_file, fmt::format("the key of {}", certificate_file), code);
  return context;
}

}  // namespace outrider
