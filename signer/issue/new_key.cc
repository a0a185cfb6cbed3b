#include "signer/issue/new_key.h"

#include <openssl/pem.h>

#include <cstddef>

namespace signet {

EvpPkeyPtr new_private_key(KeyType type) {
  const auto ec = [](const char* curve) { return EvpPkeyPtr(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", curve)); };
  const auto rsa = [](std::size_t bits) { return EvpPkeyPtr(EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", bits)); };
  switch (type) {
    case KeyType::kEcdsaP256:
      return ec("P-256");
    case KeyType::kEcdsaP384:
      return ec("P-384");
    case KeyType::kRsa2048:
      return rsa(2048);
    case KeyType::kRsa3072:
      return rsa(3072);
    case KeyType::kRsa4096:
      return rsa(4096);
  }
  return nullptr;
}

std::string pkcs8_pem(const EVP_PKEY& key) {
  const BioPtr bio(BIO_new(BIO_s_secmem()));
  if (!bio || PEM_write_bio_PKCS8PrivateKey(bio.get(), &key, nullptr, nullptr, 0, nullptr, nullptr) != 1) return {};
  char* text = nullptr;
  const long length = BIO_get_mem_data(bio.get(), &text);
  return length > 0 ? std::string(text, static_cast<std::size_t>(length)) : std::string();
}

}  // namespace signet
