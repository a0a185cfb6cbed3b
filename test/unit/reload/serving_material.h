#pragma once

#include <openssl/x509.h>

#include <chrono>
#include <string>

#include "signer/trust/certificate.h"
#include "test/unit/issue/issue_fixture.h"
#include "test/unit/trust/certificate_maker.h"
#include "tools/signet/serving/serving_secret.h"

namespace signet::test {

inline constexpr const char* kServingName = "signet.signet-system.svc";

inline Issued serving_ca(std::chrono::sys_seconds not_before, std::chrono::sys_seconds not_after) {
  CertificateSpec spec = ca_spec("signet serving");
  spec.not_before = not_before;
  spec.not_after = not_after;
  return make_certificate(spec, nullptr);
}

/// A leaf of `signer` in a Secret whose CAs are `first` and whatever `others` says.
inline ServingMaterial material(const Issued& first, const std::string& others, const Issued& signer,
                                std::chrono::sys_seconds not_before, std::chrono::sys_seconds not_after,
                                const std::string& name = kServingName) {
  CertificateSpec spec{.common_name = "", .extensions = {}};
  spec.not_before = not_before;
  spec.not_after = not_after;
  spec.with("subjectAltName", "critical,DNS:" + name).with("extendedKeyUsage", "serverAuth");
  spec.with("authorityKeyIdentifier", "keyid");
  const Issued leaf = make_certificate(spec, &signer);
  return {.ca_crt = first.pem() + others,
          .ca_key = private_pem(*first.key),
          .tls_crt = leaf.pem(),
          .tls_key = private_pem(*leaf.key)};
}

inline std::vector<Certificate> certificates_of(const std::string& pem) {
  auto certificates = read_certificates(pem);
  REQUIRE(certificates);
  return *std::move(certificates);
}

inline bool has_signed(const Certificate& authority, const Certificate& leaf) {
  return X509_verify(leaf.x509.get(), X509_get0_pubkey(authority.x509.get())) == 1;
}

}  // namespace signet::test
