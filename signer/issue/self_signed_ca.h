#pragma once

#include <chrono>
#include <string>
#include <tl/expected.hpp>

#include "policy/signing_request.h"
#include "signer/kube/kube_api.h"

namespace signet {

/// What CAs are to be like.
struct CaProfile {
  KeyType key = KeyType::kEcdsaP256;
  std::chrono::seconds lifetime;  ///< from now on
};

/// A new key, PKCS#8 in PEM (RFC 5958), and a certificate that it signed for itself, which is tls.crt and ca.crt alike
/// (RFC 5280 §4): version 3, `common_name` and nothing else as subject and issuer, valid from kBackdate before `now`;
/// critical: basicConstraints CA=TRUE with room for no CA below, key usage keyCertSign and cRLSign; not critical:
/// subject key identifier. IssuerChain and CertificateAuthority take it. Fails where OpenSSL does, and for a name that
/// no common name can be: empty, or longer than 64 bytes (RFC 5280 appendix A.1).
[[nodiscard]] tl::expected<TlsSecret, std::string> make_self_signed_ca(const std::string& common_name,
                                                                       const CaProfile& profile,
                                                                       std::chrono::sys_seconds now);

}  // namespace signet
