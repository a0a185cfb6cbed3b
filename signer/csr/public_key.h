#pragma once

#include <openssl/evp.h>
#include <openssl/x509.h>

#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "policy/signing_request.h"
#include "signer/csr/openssl_ptr.h"

namespace signet {

/// The public key of a request.
struct RequestKey {
  std::optional<KeyType> type;  ///< not set: a key that no policy can allow, which was not decoded
  std::string name;             ///< "ECDSA-P256", "RSA-1024", "Ed25519", or the dotted OID of its algorithm
  EvpPkeyPtr pkey;              ///< set exactly if `type` is
};

/// Reads the two parts of a SubjectPublicKeyInfo (RFC 5280 §4.1): `key` are the contents of the bit string, without the
/// octet that counts unused bits. EC keys are uncompressed points on a named curve (RFC 5480 §2), RSA keys have an odd
/// public exponent from 3 to 2^31-1 (RFC 8017 §3.1). Fails where the key is none of its kind.
[[nodiscard]] tl::expected<RequestKey, std::string> read_public_key(const X509_ALGOR& algorithm, std::string_view key);

/// The digest of a signature that `key`, of EC or RSA, made: ECDSA or RSASSA-PKCS1-v1_5 with SHA-256, SHA-384 or
/// SHA-512 and the parameters that RFC 5758 §3.2 and RFC 4055 §5 demand. Fails for every other algorithm. Lives for
/// ever.
[[nodiscard]] tl::expected<const EVP_MD*, std::string> signature_digest(const X509_ALGOR& algorithm,
                                                                        const EVP_PKEY& key);

/// Whether `signature` is that of `key` over `message`.
[[nodiscard]] bool verifies(EVP_PKEY& key, const EVP_MD& digest, std::string_view message, std::string_view signature);

}  // namespace signet
