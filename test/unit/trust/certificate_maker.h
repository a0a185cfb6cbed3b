#pragma once

#include <openssl/evp.h>
#include <openssl/x509.h>

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "signer/csr/openssl_ptr.h"

namespace signet::test {

/// The moment at which everything in these tests happens.
inline constexpr std::chrono::sys_seconds kNow =
    std::chrono::sys_days(std::chrono::year(2026) / 11 / 23) + std::chrono::hours(20);

/// A new key: "P-256", "P-384", "P-521", "RSA-2048", "ED25519".
EvpPkeyPtr make_key(const std::string& name);

/// DER of the SubjectPublicKeyInfo.
std::string spki_of(const EVP_PKEY& key);

/// A certificate to be made. Extensions as openssl's configuration writes them: {"keyUsage", "critical,keyCertSign"}.
struct CertificateSpec {
  std::string common_name;  ///< empty: an empty subject
  long version = 2;
  std::chrono::sys_seconds not_before = kNow - std::chrono::minutes(5);
  std::chrono::sys_seconds not_after = kNow + std::chrono::hours(24);
  std::vector<std::pair<std::string, std::string>> extensions;
  const EVP_MD* digest = EVP_sha256();

  /// Replaces the extension of that name, or adds it; an empty value removes it.
  CertificateSpec& with(const std::string& name, const std::string& value);
};

/// A certificate with its key, or one whose key is elsewhere.
struct Issued {
  X509Ptr x509;
  EvpPkeyPtr key;

  [[nodiscard]] std::string pem() const;
};

/// A CA's certificate that is valid for a year around kNow.
CertificateSpec ca_spec(const std::string& common_name);

/// A new key's certificate, signed by `issuer`, or by itself where that is null.
Issued make_certificate(const CertificateSpec& spec, const Issued* issuer, const std::string& key = "P-256");
/// The certificate of `key`, signed by `issuer`.
Issued make_certificate(const CertificateSpec& spec, const Issued& issuer, EVP_PKEY& key);

}  // namespace signet::test
