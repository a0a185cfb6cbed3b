#include "signer/csr/openssl_ptr.h"

#include <openssl/err.h>
#include <openssl/objects.h>

#include <array>

namespace signet {

std::string drain_openssl_errors() {
  std::string text;
  while (const unsigned long code = ERR_get_error()) {
    const char* const reason = ERR_reason_error_string(code);
    if (!text.empty()) {
      text += "; ";
    }
    text += reason != nullptr ? reason : "error " + std::to_string(code);
  }
  return text.empty() ? "unknown error" : text;
}

std::string dotted(const ASN1_OBJECT* oid) {
  // Enough for the 64 bytes that check_der lets an object identifier have.
  std::array<char, 512> text{};
  const int size = OBJ_obj2txt(text.data(), text.size(), oid, 1);
  return size > 0 ? std::string(text.data()) : "an unreadable object identifier";
}

}  // namespace signet
