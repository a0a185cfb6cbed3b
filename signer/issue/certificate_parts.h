#pragma once

#include <openssl/x509.h>

#include <array>
#include <chrono>
#include <optional>
#include <string>

#include "signer/csr/openssl_ptr.h"

// What certificates of every profile are put together from. Where a function says that it failed, OpenSSL's error queue
// tells why.

namespace signet {

/// 128 random bits (CA/Browser Forum BR §7.1 asks for 64, RFC 5280 §4.1.2.2 for 20 octets at most).
using SerialNumber = std::array<unsigned char, 16>;

/// Positive and not zero (RFC 5280 §4.1.2.2); nothing if there is no randomness.
[[nodiscard]] std::optional<SerialNumber> random_serial();

struct Validity {
  std::chrono::sys_seconds not_before;
  std::chrono::sys_seconds not_after;
};

[[nodiscard]] bool set_serial(X509& certificate, const SerialNumber& serial);
[[nodiscard]] bool set_validity(X509& certificate, const Validity& validity);

/// Appends the extension `nid`; `value` is OpenSSL's own type for it.
[[nodiscard]] bool add_extension(X509& certificate, int nid, void* value, bool critical);

using Asn1OctetStringPtr = OpensslPtr<ASN1_OCTET_STRING, ASN1_OCTET_STRING_free>;

/// The identifier of the key in `certificate` by RFC 7093 §2 method 1: the leftmost 160 bits of its SHA-256.
[[nodiscard]] Asn1OctetStringPtr key_identifier(const X509& certificate);

/// One PEM block; empty if that failed.
[[nodiscard]] std::string pem_of(const X509& certificate);

}  // namespace signet
