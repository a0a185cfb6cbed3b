#pragma once

#include <openssl/evp.h>

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace signet::test {

/// One DER value: a tag, a minimal length, the parts.
std::string der(unsigned char tag, std::initializer_list<std::string_view> parts);
/// The DER of an OBJECT IDENTIFIER.
std::string oid(const char* dotted_or_name);
/// One PEM block with lines of 64 characters.
std::string pem(std::string_view der, std::string_view label = "CERTIFICATE REQUEST", std::string_view line_end = "\n");

/// An Extension as a request carries it; `value` is the DER inside its OCTET STRING.
std::string extension(const char* name, std::string_view value);
/// The attribute extensionRequest around `extensions`.
std::string extension_request(std::string_view extensions);
/// GeneralNames of one URI.
std::string uri_name(std::string_view uri);

/// A request put together by hand and signed with a P-256 key of its own. Every part can be replaced by whatever bytes.
struct RequestBuilder {
  RequestBuilder();

  std::string version = der(0x02, {std::string_view("\0", 1)});
  std::string subject = der(0x30, {});
  std::string spki;
  std::string attributes = der(0xa0, {extension_request(extension("subjectAltName", uri_name(kUri)))});
  std::string signature_algorithm = der(0x30, {oid("ecdsa-with-SHA256")});

  static constexpr const char* kUri = "spiffe://cluster.local/ns/foo/sa/app";

  /// The DER of the request, truly signed.
  [[nodiscard]] std::string build() const;
  /// CertificationRequestInfo.
  [[nodiscard]] std::string info() const;
  /// The signature of the key over `bytes`.
  [[nodiscard]] std::string sign(std::string_view bytes) const;
};

}  // namespace signet::test
