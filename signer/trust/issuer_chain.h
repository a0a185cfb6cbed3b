#pragma once

#include <openssl/x509.h>
#include <openssl/x509_vfy.h>

#include <chrono>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "signer/csr/openssl_ptr.h"
#include "signer/trust/certificate.h"

namespace signet {

/// A signer's issuer certificate and the way from it to its root: public certificates alone. What verifies here is
/// fit to be below no other root. Immutable; safe to share between threads.
class IssuerChain {
 public:
  /// `tls_crt` is the issuer's certificate, then each one's issuer in turn, the root at the end or not; `ca_crt` are
  /// the trusted roots, self-signed all of them, and may be empty where tls_crt ends in its own. Both as in a Secret of
  /// type kubernetes.io/tls. Every certificate of the chain is a CA that may sign certificates, with room below it for
  /// those that follow, without name constraints (which nothing here would check), with an EC P-256 or P-384 key or RSA
  /// of 2048 to 8192 bits, and is signed by the next with nothing weaker. Whether it is valid now is another question.
  [[nodiscard]] static tl::expected<IssuerChain, std::string> parse(std::string_view tls_crt, std::string_view ca_crt);

  /// Fails where any certificate of the chain is not valid at `now`.
  [[nodiscard]] tl::expected<void, std::string> check_validity(std::chrono::sys_seconds now) const;

  /// The issuer's certificate; lives as long as this object. Not const because OpenSSL's readers want it so.
  [[nodiscard]] X509* issuer() const { return path_.front().x509.get(); }
  /// DER of the issuer's SubjectPublicKeyInfo.
  [[nodiscard]] std::string issuer_spki() const { return spki_of(path_.front()); }

  /// Lower-case hexadecimal SHA-256 of DER.
  [[nodiscard]] const std::string& issuer_spki_sha256() const { return issuer_spki_sha256_; }
  [[nodiscard]] const std::string& root_sha256() const { return root_sha256_; }
  [[nodiscard]] const std::string& root_spki_sha256() const { return root_spki_sha256_; }

  /// When all of the chain is valid: the latest notBefore and the earliest notAfter in it.
  [[nodiscard]] std::chrono::sys_seconds not_before() const { return not_before_; }
  [[nodiscard]] std::chrono::sys_seconds not_after() const { return not_after_; }

  /// What follows a leaf in status.certificate: the issuer and the intermediates above it, without the self-signed
  /// root. Empty where the issuer is the root.
  [[nodiscard]] const std::string& published_chain_pem() const { return published_chain_pem_; }
  [[nodiscard]] const std::string& root_pem() const { return root_pem_; }

  /// From the issuer to the root, both included; one certificate where they are the same.
  [[nodiscard]] const std::vector<Certificate>& path() const { return path_; }
  /// A store that trusts the root alone and wants SHA-256 and keys of 112 bits of security below it.
  [[nodiscard]] X509_STORE* store() const { return store_.get(); }

 private:
  IssuerChain(std::vector<Certificate> path, X509StorePtr store);

  std::vector<Certificate> path_;
  X509StorePtr store_;
  std::string issuer_spki_sha256_;
  std::string root_sha256_;
  std::string root_spki_sha256_;
  std::chrono::sys_seconds not_before_;
  std::chrono::sys_seconds not_after_;
  std::string published_chain_pem_;
  std::string root_pem_;
};

}  // namespace signet
