#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "policy/grant.h"
#include "signer/csr/openssl_ptr.h"
#include "signer/csr/pem.h"
#include "signer/kube/base64.h"
#include "signer/trust/certificate.h"
#include "signer/trust/certificate_check.h"
#include "signer/trust/issuer_chain.h"
#include "signer/trust/leaf_certificate.h"
#include "test/fuzz/as_pem.h"
#include "test/fuzz/expect.h"

// What somebody writes into status.certificate, as the answer of one issuer to one grant. What our reader takes with
// the granted key (no other is looked into) is a certificate to OpenSSL's, too, with the same validity; and of what
// passes OpenSSL says that the issuer signed it, that it is no CA, and that it has the granted name alone.

namespace {

using namespace signet;
using fuzz::expect;

constexpr const char* kName = "spiffe://cluster.local/ns/foo/sa/app";

constexpr std::string_view kGrantedKey =
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEg9zXysJT5k+s9SPv3SFCpRIoJplZ"
    "NJAoa9VkaC+MRNgI/FST4TRQ04IlnO6qM/xLsI64+kFgNIS1M7DYfzWOtg==";

// Valid for a hundred years; its key is nowhere, and what it signed is in the corpus.
constexpr std::string_view kIssuer =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBhDCCASmgAwIBAgIUb8K5SOeSfbpgaE8DtFy8ZSBLDDEwCgYIKoZIzj0EAwIw\n"
    "DjEMMAoGA1UECgwDZm9vMCAXDTI2MTEyNTAxNTYwOVoYDzIxMjYxMTAxMDE1NjA5\n"
    "WjAOMQwwCgYDVQQKDANmb28wWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAASXQKlF\n"
    "oV4H9jlxch1djbiBTBIk3QnkOdLk6/4r8+zNN3+p8VU1fo2E/tbxdgNtZKgDktYe\n"
    "VHkBJhGSJQ3qqSWXo2MwYTAdBgNVHQ4EFgQU3ASQE+PYWWm0oZq4Qq1mul5xAA0w\n"
    "HwYDVR0jBBgwFoAU3ASQE+PYWWm0oZq4Qq1mul5xAA0wDwYDVR0TAQH/BAUwAwEB\n"
    "/zAOBgNVHQ8BAf8EBAMCAQYwCgYIKoZIzj0EAwIDSQAwRgIhAJQ2NWo8ajy6iu/u\n"
    "hIemGAxVWsCh11oXULcC9J+9X2gcAiEAptL5Hmmy7BB2lxDpNoNNWvzijjRd4asz\n"
    "efHC8zzuOvI=\n"
    "-----END CERTIFICATE-----\n";

void compare_with_openssl(const std::string& der, const LeafCertificate& leaf) {
  const auto* in = reinterpret_cast<const unsigned char*>(der.data());
  const X509Ptr x509(d2i_X509(nullptr, &in, static_cast<long>(der.size())));
  expect(x509 != nullptr, "OpenSSL reads the certificate");
  expect(X509_get_version(x509.get()) + 1 == leaf.version(), "OpenSSL reads the same version");
  const auto is_at = [](const ASN1_TIME* time, std::chrono::sys_seconds seconds) {
    return ASN1_TIME_cmp_time_t(time, std::chrono::system_clock::to_time_t(seconds)) == 0;
  };
  expect(is_at(X509_get0_notBefore(x509.get()), leaf.not_before()), "OpenSSL reads the same notBefore");
  expect(is_at(X509_get0_notAfter(x509.get()), leaf.not_after()), "OpenSSL reads the same notAfter");
}

void check_passed(const std::string& der, const IssuerChain& issuer) {
  const auto certificate = decode_certificate(der);
  expect(certificate.has_value(), "what passes is a certificate with extensions that OpenSSL knows");
  X509* const x509 = certificate->x509.get();
  expect(X509_verify(x509, X509_get0_pubkey(issuer.issuer())) == 1, "what passes was signed by the issuer");
  expect(X509_check_ca(x509) == 0, "what passes is no CA");
  expect(X509_check_purpose(x509, X509_PURPOSE_SSL_SERVER, 0) == 1, "what passes can serve");
  const GeneralNamesPtr names(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(x509, NID_subject_alt_name, nullptr, nullptr)));
  expect(sk_GENERAL_NAME_num(names.get()) == 1, "what passes has one name");
  const GENERAL_NAME* const name = sk_GENERAL_NAME_value(names.get(), 0);
  expect(name->type == GEN_URI, "what passes has a URI");
  const ASN1_STRING* const uri = name->d.uniformResourceIdentifier;
  expect(std::string_view(reinterpret_cast<const char*>(ASN1_STRING_get0_data(uri)),
                          static_cast<std::size_t>(ASN1_STRING_length(uri))) == kName,
         "what passes has the granted name");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const IssuerChain issuer = IssuerChain::parse(kIssuer, "").value();
  static const std::string key = base64_decode(kGrantedKey).value();
  const std::string pem = fuzz::as_pem({reinterpret_cast<const char*>(data), size}, "CERTIFICATE");
  const auto blocks = read_pem(pem, "CERTIFICATE", kChainLimits);
  if (!blocks) {
    return 0;
  }
  const std::string& der = blocks->front();
  const auto leaf = LeafCertificate::parse(der);
  if (leaf) {
    if (leaf->spki() == key) {
      compare_with_openssl(der, *leaf);
    }
    Grant::Terms terms;
    terms.spki = key;
    terms.names = {{SubjectAltName::Type::kUri, kName}};
    terms.usages = {Usage::kDigitalSignature, Usage::kKeyEncipherment, Usage::kServerAuth, Usage::kClientAuth};
    terms.lifetime = std::chrono::hours(24);
    if (check_certificate(terms, pem, issuer, leaf->not_before())) {
      check_passed(der, issuer);
    }
  } else {
    expect(!leaf.error().empty(), "what is refused is told");
  }
  drain_openssl_errors();
  return 0;
}
