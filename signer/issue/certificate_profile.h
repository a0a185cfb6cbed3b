#pragma once

#include <openssl/x509.h>

#include <string>
#include <tl/expected.hpp>

#include "policy/grant.h"
#include "signer/csr/openssl_ptr.h"
#include "signer/issue/certificate_parts.h"

namespace signet {

/// The one kind of certificate that is issued (RFC 5280 §4), complete but for its signature. Version 3, no subject;
/// critical: basicConstraints CA=FALSE, key usage, subject alternative name; not critical: extended key usage, subject
/// key identifier (RFC 7093 §2 method 1: the leftmost 160 bits of the key's SHA-256), authority key identifier. Key
/// usage or extended key usage is left out where `terms` grant none of its usages. The key stands in it byte for byte
/// as in `terms` and is not decoded.
[[nodiscard]] tl::expected<X509Ptr, std::string> build_certificate(const Grant::Terms& terms, X509& issuer,
                                                                   const SerialNumber& serial,
                                                                   const Validity& validity);

}  // namespace signet
