#pragma once

#include <openssl/evp.h>

#include <string>

#include "policy/signing_request.h"
#include "signer/csr/openssl_ptr.h"

namespace signet {

/// Null if OpenSSL failed, whose error queue tells why.
[[nodiscard]] EvpPkeyPtr new_private_key(KeyType type);

/// PKCS#8 in PEM (RFC 5958), not encrypted; empty if that failed. OpenSSL's buffer is wiped, the text is the caller's
/// to wipe (wipe_secret).
[[nodiscard]] std::string pkcs8_pem(const EVP_PKEY& key);

}  // namespace signet
