#pragma once

#include <openssl/x509.h>

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

namespace signet {

/// What a signer answered with: the certificate of an end entity (RFC 5280 §4.1), its key left as bits. OpenSSL's own
/// X509 decodes the key at once, which costs more than to verify the signature.
class LeafCertificate {
 public:
  /// Fails where `der` is not one certificate in DER down to its last octet, where the algorithm that it is signed by
  /// is not the one that the signed part names (§4.1.1.2), or its validity cannot be read. Extensions are not looked
  /// into.
  [[nodiscard]] static tl::expected<LeafCertificate, std::string> parse(std::string der);

  /// As people count: 3 has extensions.
  [[nodiscard]] long version() const;
  [[nodiscard]] const X509_NAME& issuer() const;
  [[nodiscard]] const X509_NAME& subject() const;
  [[nodiscard]] std::chrono::sys_seconds not_before() const { return not_before_; }
  [[nodiscard]] std::chrono::sys_seconds not_after() const { return not_after_; }
  /// Null where there are none.
  [[nodiscard]] const STACK_OF(X509_EXTENSION) * extensions() const;

  /// DER of the SubjectPublicKeyInfo, of the tbsCertificate, and the octets of the signature: as they came.
  [[nodiscard]] std::string_view spki() const;
  [[nodiscard]] std::string_view signed_part() const;
  [[nodiscard]] std::string_view signature() const;
  [[nodiscard]] const X509_ALGOR& signature_algorithm() const;

 private:
  struct Parts;
  struct Free {
    void operator()(Parts* parts) const;
  };
  using PartsPtr = std::unique_ptr<Parts, Free>;

  LeafCertificate(std::string der, PartsPtr parts, std::chrono::sys_seconds not_before,
                  std::chrono::sys_seconds not_after);

  std::string der_;
  PartsPtr parts_;
  std::chrono::sys_seconds not_before_;
  std::chrono::sys_seconds not_after_;
};

}  // namespace signet
