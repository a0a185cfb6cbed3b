#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <string>
#include <tl/expected.hpp>

#include "webhook/tls_identity.h"

namespace signet {

struct SslFree {
  void operator()(SSL* ssl) const { SSL_free(ssl); }
};
using SslPtr = std::unique_ptr<SSL, SslFree>;
// Shared by every connection that was opened under it.
using SslContextPtr = std::shared_ptr<SSL_CTX>;

// A server's TLS: 1.2 with forward secrecy and an AEAD, or 1.3; HTTP/1.1 by ALPN; no compression, renegotiation,
// resumption. Where the identity has client CAs, every client is asked for a certificate in the handshake and may have
// none; the handshake fails with one that does not lead to one of these CAs, is not valid now, or does not have
// clientAuth among its extended key usages (RFC 5280 §4.2.1.12). The error says which part of the identity is wrong and
// how; it holds no byte of it.
[[nodiscard]] tl::expected<SslContextPtr, std::string> make_tls_context(const TlsIdentity& identity);

// What is known of the client at the end of a handshake.
enum class ClientStanding {
  // It was not asked for a certificate.
  kNotAsked,
  // It was, and showed none.
  kUnknown,
  // It showed one that is as make_tls_context() wants it, and has the key of it.
  kVerified,
};
[[nodiscard]] ClientStanding standing_of(const SSL& ssl);

}  // namespace signet
