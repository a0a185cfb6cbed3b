#include "signer/trust/renewal.h"

#include <openssl/x509v3.h>

#include <algorithm>

namespace signet {

bool are_same_anchor(const Certificate& one, const Certificate& other) {
  const ASN1_OCTET_STRING* const identifier = X509_get0_subject_key_id(one.x509.get());
  const ASN1_OCTET_STRING* const other_identifier = X509_get0_subject_key_id(other.x509.get());
  const bool same_identifier = identifier == nullptr || other_identifier == nullptr
                                   ? identifier == other_identifier
                                   : ASN1_OCTET_STRING_cmp(identifier, other_identifier) == 0;
  return same_identifier && spki_of(one) == spki_of(other) &&
         X509_NAME_cmp(X509_get_subject_name(one.x509.get()), X509_get_subject_name(other.x509.get())) == 0;
}

bool renews(const IssuerChain& before, const IssuerChain& next) {
  return before.issuer_spki_sha256() == next.issuer_spki_sha256() &&
         are_same_anchor(before.path().back(), next.path().back());
}

bool are_same_certificates(const IssuerChain& one, const IssuerChain& other) {
  return std::ranges::equal(one.path(), other.path(), {}, &Certificate::der, &Certificate::der);
}

}  // namespace signet
