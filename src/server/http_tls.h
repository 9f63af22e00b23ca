// TLS for the HTTP side.
#pragma once
#include <boost/asio/ssl/context.hpp>
#include <string>

#include "core/result.h"

namespace outrider {

// TLS 1.2 or later with HTTP/1.1 on top. Errors: files that are no certificate chain or no key in
// PEM, or do not belong together.
Result<boost::asio::ssl::context> make_tls(const std::string& certificate_file,
                                           const std::string& key_file);

}  // namespace outrider
