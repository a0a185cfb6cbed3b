#include "signer/csr/sha256.h"

#include <openssl/sha.h>

#include <array>

namespace signet {

std::string sha256_hex(std::string_view bytes) {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), digest.data());
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (const unsigned octet : digest) {
    text += kDigits[octet >> 4U];
    text += kDigits[octet & 0x0FU];
  }
  return text;
}

}  // namespace signet
