#pragma once

#include <openssl/x509.h>

#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "signer/csr/openssl_ptr.h"

namespace signet {

/// No private key that is allowed takes more than a quarter of this in PEM.
inline constexpr std::size_t kMaxCaKeyBytes = 16384;

/// A certificate authority's private key: ECDSA P-256 or P-384, or RSA of 2048 to 4096 bits. Never printed, never
/// copied; the buffers it was read from are wiped.
class CaKey {
 public:
  /// Reads PEM: PKCS#8 (RFC 5958), SEC 1 (RFC 5915) or PKCS#1 (RFC 8017), not encrypted, with the public key that
  /// belongs to it. The text is the caller's to wipe (wipe_secret). Errors quote none of it.
  [[nodiscard]] static tl::expected<CaKey, std::string> parse(std::string_view pem);

  /// Reads the file at `path`. Errors begin with the path.
  [[nodiscard]] static tl::expected<CaKey, std::string> load(const std::string& path);

  /// Whether `certificate` is for this key.
  [[nodiscard]] bool belongs_to(const X509& certificate) const;

  /// Adds to `certificate` its signature: SHA-384 with P-384, SHA-256 with every other key. For many threads. False:
  /// OpenSSL failed, and its error queue tells why.
  [[nodiscard]] bool sign(X509& certificate) const;

 private:
  CaKey(EvpPkeyPtr key, const EVP_MD* digest) : key_(std::move(key)), digest_(digest) {}

  EvpPkeyPtr key_;
  const EVP_MD* digest_;  ///< OpenSSL's own
};

}  // namespace signet
