#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

namespace signet {

struct SslFree {
  void operator()(SSL* ssl) const { SSL_free(ssl); }
};
using SslPtr = std::unique_ptr<SSL, SslFree>;
// Shared by every connection that was opened under it.
using SslContextPtr = std::shared_ptr<SSL_CTX>;

// A server's TLS: 1.2 with forward secrecy and an AEAD, or 1.3; HTTP/1.1 by ALPN; no compression, renegotiation,
// resumption. `certificate_pem` holds the server's certificate and then its intermediates, `key_pem` an unencrypted
// private key of that certificate. The error says which of the two is wrong and how; it holds no byte of either.
[[nodiscard]] tl::expected<SslContextPtr, std::string> make_tls_context(std::string_view certificate_pem,
                                                                        std::string_view key_pem);

}  // namespace signet
