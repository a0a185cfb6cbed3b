#include "signer/issue/ca_key.h"

#include <openssl/core_names.h>
#include <openssl/pem.h>

#include <array>
#include <utility>

#include "signer/kube/bounded_file.h"
#include "signer/kube/wipe_secret.h"

namespace signet {
namespace {

// A passphrase is never asked for: there is nobody to answer.
int no_passphrase(char* /*buffer*/, int /*size*/, int /*for_writing*/, void* /*user*/) { return -1; }

// Wipes a secret wherever its scope ends.
class Wiped {
 public:
  explicit Wiped(std::string& secret) : secret_(secret) {}
  ~Wiped() { wipe_secret(secret_); }
  Wiped(const Wiped&) = delete;
  Wiped& operator=(const Wiped&) = delete;

 private:
  std::string& secret_;
};

// The digest that goes with the key, or why the key may not be used.
tl::expected<const EVP_MD*, std::string> digest_for(const EVP_PKEY& key) {
  if (EVP_PKEY_is_a(&key, "RSA") == 1) {
    const int bits = EVP_PKEY_get_bits(&key);
    if (bits >= 2048 && bits <= 4096) return EVP_sha256();
    return tl::unexpected("an RSA key of " + std::to_string(bits) + " bits; allowed are 2048 to 4096");
  }
  if (EVP_PKEY_is_a(&key, "EC") == 1) {
    std::array<char, 64> group{};
    std::size_t length = 0;
    if (EVP_PKEY_get_group_name(&key, group.data(), group.size(), &length) == 1) {
      const std::string_view name(group.data(), length);
      if (name == "prime256v1") return EVP_sha256();
      if (name == "secp384r1") return EVP_sha384();
    }
    drain_openssl_errors();
    return tl::unexpected<std::string>("an EC key on another curve than P-256 and P-384");
  }
  return tl::unexpected<std::string>("neither an RSA nor an EC key");
}

}  // namespace

tl::expected<CaKey, std::string> CaKey::parse(std::string_view pem) {
  if (pem.size() > kMaxCaKeyBytes) {
    return tl::unexpected("larger than any private key: more than " + std::to_string(kMaxCaKeyBytes) + " bytes");
  }
  if (pem.find("-----BEGIN ENCRYPTED PRIVATE KEY-----") != std::string_view::npos ||
      pem.find("Proc-Type: 4,ENCRYPTED") != std::string_view::npos) {
    return tl::unexpected<std::string>("the private key is encrypted; give it without a passphrase");
  }
  const BioPtr bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  EvpPkeyPtr key(bio ? PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, nullptr) : nullptr);
  if (!key) {
    drain_openssl_errors();
    return tl::unexpected<std::string>("not a private key in PEM");
  }
  const auto digest = digest_for(*key);
  if (!digest) return tl::unexpected(digest.error());
  const EvpPkeyCtxPtr check(EVP_PKEY_CTX_new_from_pkey(nullptr, key.get(), nullptr));
  if (!check || EVP_PKEY_pairwise_check(check.get()) != 1) {
    drain_openssl_errors();
    return tl::unexpected<std::string>("the private key and the public key stored with it do not belong together");
  }
  return CaKey(std::move(key), *digest);
}

tl::expected<CaKey, std::string> CaKey::load(const std::string& path) {
  auto pem = read_bounded_file(path, kMaxCaKeyBytes);
  if (!pem) return tl::unexpected(pem.error());
  const Wiped wiped(*pem);
  auto key = parse(*pem);
  if (!key) return tl::unexpected(path + ": " + key.error());
  return key;
}

bool CaKey::belongs_to(const X509& certificate) const {
  const EVP_PKEY* const other = X509_get0_pubkey(&certificate);
  const bool same = other != nullptr && EVP_PKEY_eq(key_.get(), other) == 1;
  if (!same) drain_openssl_errors();
  return same;
}

bool CaKey::sign(X509& certificate) const { return X509_sign(&certificate, key_.get(), digest_) > 0; }

}  // namespace signet
