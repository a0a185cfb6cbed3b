#include "signer/issue/serving_certificate.h"

#include <algorithm>
#include <optional>

#include "policy/grant.h"
#include "signer/issue/ca_key.h"
#include "signer/issue/certificate_authority.h"
#include "signer/issue/certificate_parts.h"
#include "signer/issue/certificate_profile.h"
#include "signer/issue/new_key.h"
#include "signer/trust/issuer_chain.h"

namespace signet {
namespace {

// DER of the SubjectPublicKeyInfo; empty if OpenSSL failed.
std::string spki_of(const EVP_PKEY& key) {
  const int length = i2d_PUBKEY(&key, nullptr);
  if (length <= 0) return {};
  std::string der(static_cast<std::size_t>(length), '\0');
  auto* out = reinterpret_cast<unsigned char*>(der.data());
  return i2d_PUBKEY(&key, &out) == length ? der : std::string();
}

}  // namespace

tl::expected<TlsSecret, std::string> make_serving_certificate(const std::string& dns_name, const TlsSecret& ca,
                                                              std::chrono::seconds lifetime,
                                                              std::chrono::sys_seconds now) {
  const auto chain = IssuerChain::parse(ca.tls_crt, "");
  if (!chain) return tl::unexpected("the CA's certificate: " + chain.error());
  if (const auto valid = chain->check_validity(now); !valid) return tl::unexpected(valid.error());
  const auto ca_key = CaKey::parse(ca.tls_key);
  if (!ca_key) return tl::unexpected("the CA's key: " + ca_key.error());
  if (!ca_key->belongs_to(*chain->issuer())) {
    return tl::unexpected<std::string>("the CA's key is not that of its certificate");
  }

  const EvpPkeyPtr key = new_private_key(KeyType::kEcdsaP256);
  const std::optional<SerialNumber> serial = random_serial();
  if (!key || !serial) return tl::unexpected("cannot make a key: " + drain_openssl_errors());
  Grant::Terms terms;
  terms.spki = spki_of(*key);
  terms.names = {{.type = SubjectAltName::Type::kDns, .value = dns_name}};
  terms.usages = {Usage::kDigitalSignature, Usage::kServerAuth};
  const auto certificate = build_certificate(terms, *chain->issuer(), *serial,
                                             {std::max<std::chrono::sys_seconds>(now - kBackdate, chain->not_before()),
                                              std::min<std::chrono::sys_seconds>(now + lifetime, chain->not_after())});
  if (!certificate) return tl::unexpected(certificate.error());
  if (!ca_key->sign(**certificate)) return tl::unexpected("cannot sign: " + drain_openssl_errors());
  TlsSecret made{.tls_crt = pem_of(**certificate), .tls_key = pkcs8_pem(*key), .ca_crt = chain->root_pem()};
  if (made.tls_crt.empty() || made.tls_key.empty()) {
    return tl::unexpected("cannot encode the certificate and its key: " + drain_openssl_errors());
  }
  return made;
}

}  // namespace signet
