#pragma once

#include <openssl/x509.h>

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "signer/csr/openssl_ptr.h"
#include "signer/csr/pem.h"

namespace signet {

/// An X.509 certificate (RFC 5280 §4.1) and the bytes it was read from.
struct Certificate {
  X509Ptr x509;
  std::string der;
};

/// Of a chain in PEM: it has three or four certificates of 1 to 2 KiB each, and RSA-4096 or a crowd of names fit, too.
inline constexpr PemLimits kChainLimits{.max_bytes = std::size_t{64} << 10, .max_blocks = 10};

/// Fails where `der` is not one certificate in DER down to its last octet, an extension that OpenSSL knows is malformed
/// or comes twice, or its validity cannot be read.
[[nodiscard]] tl::expected<Certificate, std::string> decode_certificate(std::string der);

/// All certificates of a PEM text of nothing else, in its order. The error names one by its place: "certificate 2: …".
[[nodiscard]] tl::expected<std::vector<Certificate>, std::string> read_certificates(std::string_view pem);

/// One PEM block.
[[nodiscard]] std::string certificate_pem(const Certificate& certificate);

/// The validity of a certificate that one of these gave.
[[nodiscard]] std::chrono::sys_seconds not_before(const Certificate& certificate);
[[nodiscard]] std::chrono::sys_seconds not_after(const Certificate& certificate);

/// DER of the SubjectPublicKeyInfo.
[[nodiscard]] std::string spki_of(const Certificate& certificate);

/// As people read it (RFC 2253); "an empty name" where there is nothing to read.
[[nodiscard]] std::string name_text(const X509_NAME& name);
[[nodiscard]] std::string subject_text(const Certificate& certificate);

}  // namespace signet
