#include "signer/csr/sha256.h"

#include <openssl/evp.h>
#include <openssl/sha.h>

#include <array>
#include <cstdlib>

#include "signer/csr/openssl_ptr.h"

namespace signet {

std::string sha256_hex(std::string_view bytes) {
  // Fetched once: a fetch takes a lock that every thread shares, and longer than to hash a request.
  static const EvpMdPtr sha256(EVP_MD_fetch(nullptr, "SHA2-256", nullptr));
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  if (EVP_Digest(bytes.data(), bytes.size(), digest.data(), nullptr, sha256.get(), nullptr) != 1) {
    // Without it nothing here can be trusted: no log, no comparison of keys.
    std::abort();
  }
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (const unsigned octet : digest) {
    text += kDigits[octet >> 4U];
    text += kDigits[octet & 0x0FU];
  }
  return text;
}

}  // namespace signet
