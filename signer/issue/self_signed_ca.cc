#include "signer/issue/self_signed_ca.h"

#include <openssl/objects.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "signer/issue/ca_key.h"
#include "signer/issue/certificate_authority.h"
#include "signer/issue/certificate_parts.h"
#include "signer/issue/new_key.h"
#include "signer/trust/issuer_chain.h"

namespace signet {
namespace {

// ub-common-name of RFC 5280 appendix A.1.
constexpr std::size_t kMaxCommonNameBytes = 64;

// The bits of RFC 5280 §4.2.1.3.
constexpr int kKeyCertSign = 5;
constexpr int kCrlSign = 6;

// The one octet that DER has for TRUE (X.690 §11.1); OpenSSL writes whatever it is given.
constexpr int kDerTrue = 0xFF;

bool set_names(X509& certificate, const std::string& common_name) {
  const X509NamePtr name(X509_NAME_new());
  return name &&
         X509_NAME_add_entry_by_NID(name.get(), NID_commonName, MBSTRING_UTF8,
                                    reinterpret_cast<const unsigned char*>(common_name.data()),
                                    static_cast<int>(common_name.size()), -1, 0) == 1 &&
         X509_set_subject_name(&certificate, name.get()) == 1 && X509_set_issuer_name(&certificate, name.get()) == 1;
}

bool add_ca_constraints(X509& certificate) {
  const BasicConstraintsPtr constraints(BASIC_CONSTRAINTS_new());
  if (!constraints) return false;
  constraints->ca = kDerTrue;
  constraints->pathlen = ASN1_INTEGER_new();
  return constraints->pathlen != nullptr && ASN1_INTEGER_set(constraints->pathlen, 0) == 1 &&
         add_extension(certificate, NID_basic_constraints, constraints.get(), true);
}

bool add_ca_usage(X509& certificate) {
  const Asn1BitStringPtr bits(ASN1_BIT_STRING_new());
  return bits && ASN1_BIT_STRING_set_bit(bits.get(), kKeyCertSign, 1) == 1 &&
         ASN1_BIT_STRING_set_bit(bits.get(), kCrlSign, 1) == 1 &&
         add_extension(certificate, NID_key_usage, bits.get(), true);
}

bool add_subject_key_identifier(X509& certificate) {
  const Asn1OctetStringPtr identifier = key_identifier(certificate);
  return identifier && add_extension(certificate, NID_subject_key_identifier, identifier.get(), false);
}

// Complete but for its signature; null if OpenSSL failed.
X509Ptr build(const std::string& common_name, EVP_PKEY& key, const Validity& validity) {
  X509Ptr certificate(X509_new());
  const std::optional<SerialNumber> serial = random_serial();
  if (!certificate || !serial || X509_set_version(certificate.get(), X509_VERSION_3) != 1 ||
      !set_serial(*certificate, *serial) || !set_names(*certificate, common_name) ||
      !set_validity(*certificate, validity) || X509_set_pubkey(certificate.get(), &key) != 1 ||
      !add_ca_constraints(*certificate) || !add_ca_usage(*certificate) || !add_subject_key_identifier(*certificate)) {
    return nullptr;
  }
  return certificate;
}

}  // namespace

tl::expected<TlsSecret, std::string> make_self_signed_ca(const std::string& common_name, const CaProfile& profile,
                                                         std::chrono::sys_seconds now) {
  if (common_name.empty() || common_name.size() > kMaxCommonNameBytes) {
    return tl::unexpected("\"" + common_name + "\" cannot be a CA's common name: that has 1 to " +
                          std::to_string(kMaxCommonNameBytes) + " bytes");
  }
  const EvpPkeyPtr key = new_private_key(profile.key);
  if (!key) return tl::unexpected("cannot make a key: " + drain_openssl_errors());
  TlsSecret ca;
  ca.tls_key = pkcs8_pem(*key);
  // Signed with the key as it will be read again.
  const auto signing_key = CaKey::parse(ca.tls_key);
  if (!signing_key) return tl::unexpected("the new key: " + signing_key.error());
  const X509Ptr certificate = build(common_name, *key, {now - kBackdate, now + profile.lifetime});
  if (!certificate) return tl::unexpected("cannot build the certificate: " + drain_openssl_errors());
  if (!signing_key->belongs_to(*certificate) || !signing_key->sign(*certificate)) {
    return tl::unexpected("cannot sign: " + drain_openssl_errors());
  }
  ca.tls_crt = ca.ca_crt = pem_of(*certificate);
  // A mistake of ours must show now, not when the first request waits for a certificate.
  if (const auto chain = IssuerChain::parse(ca.tls_crt, ca.ca_crt); !chain) return tl::unexpected(chain.error());
  return ca;
}

}  // namespace signet
