#include "signer/trust/issuer_chain.h"

#include <openssl/objects.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "signer/csr/sha256.h"
#include "signer/kube/rfc3339.h"

namespace signet {
namespace {

// Verification of a signature by a larger key takes milliseconds.
constexpr int kMaxRsaBits = 8192;
constexpr int kMinRsaBits = 2048;

// OpenSSL's level of 112 bits: RSA and DSA from 2048 bits, no SHA-1.
constexpr int kSecurityLevel = 2;

bool is_signed_by(const Certificate& certificate, const Certificate& issuer) {
  const bool is =
      X509_NAME_cmp(X509_get_issuer_name(certificate.x509.get()), X509_get_subject_name(issuer.x509.get())) == 0 &&
      X509_verify(certificate.x509.get(), X509_get0_pubkey(issuer.x509.get())) == 1;
  drain_openssl_errors();
  return is;
}

bool is_self_signed(const Certificate& certificate) { return is_signed_by(certificate, certificate); }

std::optional<std::string> fault_in_key(const Certificate& certificate) {
  const EVP_PKEY* const key = X509_get0_pubkey(certificate.x509.get());
  if (key == nullptr) {
    return "its key cannot be decoded: " + drain_openssl_errors();
  }
  if (EVP_PKEY_is_a(key, "RSA") == 1) {
    const int bits = EVP_PKEY_get_bits(key);
    if (bits < kMinRsaBits || bits > kMaxRsaBits) {
      return "its RSA key has " + std::to_string(bits) + " bits, where 2048 to 8192 will do";
    }
    return std::nullopt;
  }
  std::array<char, 32> group{};
  if (EVP_PKEY_is_a(key, "EC") != 1 || EVP_PKEY_get_group_name(key, group.data(), group.size(), nullptr) != 1 ||
      (std::string_view(group.data()) != SN_X9_62_prime256v1 && std::string_view(group.data()) != SN_secp384r1)) {
    drain_openssl_errors();
    return "its key is neither EC P-256 or P-384 nor RSA";
  }
  return std::nullopt;
}

// RFC 5280 §4.2.1.3, §4.2.1.9, §4.2.1.10. `below` is how many CA certificates hang below this one in the chain.
std::optional<std::string> fault_in_ca(const Certificate& certificate, long below) {
  X509* const x509 = certificate.x509.get();
  if ((X509_get_extension_flags(x509) & EXFLAG_CA) == 0) {
    return "it is no CA (basicConstraints CA=TRUE is missing)";
  }
  // All bits where there is no such extension.
  if ((X509_get_key_usage(x509) & KU_KEY_CERT_SIGN) == 0) {
    return "its key usage lacks keyCertSign";
  }
  const long path_length = X509_get_pathlen(x509);
  if (path_length >= 0 && path_length < below) {
    return "its path length of " + std::to_string(path_length) + " leaves no room for the certificates below";
  }
  if (X509_get_ext_by_NID(x509, NID_name_constraints, -1) >= 0) {
    return "it has name constraints, which Signet does not apply to what it signs";
  }
  return fault_in_key(certificate);
}

// A list that does not own what is in it.
using X509Stack = OpensslPtr<STACK_OF(X509), [](STACK_OF(X509) * stack) { sk_X509_free(stack); }>;

// The path from the issuer to its root, tried link by link so that an error can say which one is broken.
tl::expected<std::vector<Certificate>, std::string> build_path(std::vector<Certificate> chain,
                                                               std::vector<Certificate> roots) {
  for (std::size_t i = 0; i < roots.size(); ++i) {
    if (!is_self_signed(roots[i])) {
      return tl::unexpected("ca.crt: certificate " + std::to_string(i + 1) + ": " + subject_text(roots[i]) +
                            " is not self-signed");
    }
  }
  for (std::size_t i = 0; i + 1 < chain.size(); ++i) {
    const std::string place = "tls.crt: certificate " + std::to_string(i + 1) + ": " + subject_text(chain[i]);
    if (is_self_signed(chain[i])) {
      return tl::unexpected(place + " is self-signed and yet not the last");
    }
    if (!is_signed_by(chain[i], chain[i + 1])) {
      return tl::unexpected(place + " is not signed by the one that follows it");
    }
  }
  const Certificate& last = chain.back();
  if (is_self_signed(last)) {
    const bool trusted =
        roots.empty() || std::ranges::any_of(roots, [&last](const Certificate& root) { return root.der == last.der; });
    if (!trusted) {
      return tl::unexpected("tls.crt ends in the root " + subject_text(last) + ", which is not in ca.crt");
    }
    return chain;
  }
  const auto root =
      std::ranges::find_if(roots, [&last](const Certificate& candidate) { return is_signed_by(last, candidate); });
  if (root == roots.end()) {
    return tl::unexpected("tls.crt: " + subject_text(last) + " is signed by no root in " +
                          (roots.empty() ? "tls.crt, and there is no ca.crt" : "ca.crt"));
  }
  chain.push_back(std::move(*root));
  return chain;
}

X509StorePtr make_store(const Certificate& root) {
  X509StorePtr store(X509_STORE_new());
  if (!store || X509_STORE_add_cert(store.get(), root.x509.get()) != 1) {
    return nullptr;
  }
  // Not X509_V_FLAG_X509_STRICT: it wants a key usage in every CA, which those that `openssl req -x509` makes lack.
  X509_VERIFY_PARAM* const parameters = X509_STORE_get0_param(store.get());
  X509_VERIFY_PARAM_set_auth_level(parameters, kSecurityLevel);
  return store;
}

// What OpenSSL's own path validation says of the issuer, at no particular time.
std::optional<std::string> fault_in_path(const std::vector<Certificate>& path, X509_STORE* store) {
  const X509Stack others(sk_X509_new_null());
  for (const Certificate& certificate : path) {
    sk_X509_push(others.get(), certificate.x509.get());
  }
  const X509StoreCtxPtr context(X509_STORE_CTX_new());
  if (!context || X509_STORE_CTX_init(context.get(), store, path.front().x509.get(), others.get()) != 1) {
    return drain_openssl_errors();
  }
  X509_STORE_CTX_set_flags(context.get(), X509_V_FLAG_NO_CHECK_TIME);
  if (X509_verify_cert(context.get()) == 1) {
    return std::nullopt;
  }
  drain_openssl_errors();
  return X509_verify_cert_error_string(X509_STORE_CTX_get_error(context.get()));
}

}  // namespace

IssuerChain::IssuerChain(std::vector<Certificate> path, X509StorePtr store)
    : path_(std::move(path)),
      store_(std::move(store)),
      issuer_spki_sha256_(sha256_hex(spki_of(path_.front()))),
      root_sha256_(sha256_hex(path_.back().der)),
      root_spki_sha256_(sha256_hex(spki_of(path_.back()))),
      not_before_(signet::not_before(path_.front())),
      not_after_(signet::not_after(path_.front())),
      root_pem_(certificate_pem(path_.back())) {
  for (const Certificate& certificate : path_) {
    not_before_ = std::max(not_before_, signet::not_before(certificate));
    not_after_ = std::min(not_after_, signet::not_after(certificate));
  }
  for (std::size_t i = 0; i + 1 < path_.size(); ++i) {
    published_chain_pem_ += certificate_pem(path_[i]);
  }
}

tl::expected<IssuerChain, std::string> IssuerChain::parse(std::string_view tls_crt, std::string_view ca_crt) {
  auto chain = read_certificates(tls_crt);
  if (!chain) {
    return tl::unexpected("tls.crt: " + chain.error());
  }
  auto roots = ca_crt.empty() ? std::vector<Certificate>{} : read_certificates(ca_crt);
  if (!roots) {
    return tl::unexpected("ca.crt: " + roots.error());
  }
  auto path = build_path(std::move(*chain), std::move(*roots));
  if (!path) {
    return tl::unexpected(std::move(path.error()));
  }
  for (std::size_t i = 0; i < path->size(); ++i) {
    if (const auto fault = fault_in_ca((*path)[i], static_cast<long>(i))) {
      return tl::unexpected("the issuer's chain: " + subject_text((*path)[i]) + ": " + *fault);
    }
  }
  X509StorePtr store = make_store(path->back());
  if (!store) {
    return tl::unexpected("the issuer's chain: " + drain_openssl_errors());
  }
  if (const auto fault = fault_in_path(*path, store.get())) {
    return tl::unexpected("the issuer's chain does not verify: " + *fault);
  }
  return IssuerChain(std::move(*path), std::move(store));
}

tl::expected<void, std::string> IssuerChain::check_validity(std::chrono::sys_seconds now) const {
  for (const Certificate& certificate : path_) {
    if (now < signet::not_before(certificate)) {
      return tl::unexpected("the issuer's chain: " + subject_text(certificate) + " is not valid before " +
                            to_rfc3339(signet::not_before(certificate)));
    }
    if (now >= signet::not_after(certificate)) {
      return tl::unexpected("the issuer's chain: " + subject_text(certificate) + " expired at " +
                            to_rfc3339(signet::not_after(certificate)));
    }
  }
  return {};
}

}  // namespace signet
