#include "test/unit/csr/request_builder.h"

#include <openssl/ec.h>
#include <openssl/objects.h>

#include <catch2/catch.hpp>

#include "signer/csr/openssl_ptr.h"
#include "signer/kube/base64.h"

namespace signet::test {
namespace {

using ObjectPtr = OpensslPtr<ASN1_OBJECT, ASN1_OBJECT_free>;

EVP_PKEY* key() {
  static const EvpPkeyPtr made(EVP_EC_gen("P-256"));
  REQUIRE(made);
  return made.get();
}

unsigned char* octets(std::string& bytes) { return reinterpret_cast<unsigned char*>(bytes.data()); }

template <typename Object, typename I2d>
std::string encoded(const Object* object, I2d i2d) {
  std::string bytes(static_cast<std::size_t>(i2d(object, nullptr)), '\0');
  unsigned char* out = octets(bytes);
  i2d(object, &out);
  return bytes;
}

}  // namespace

std::string der(unsigned char tag, std::initializer_list<std::string_view> parts) {
  std::string content;
  for (const std::string_view part : parts) {
    content += part;
  }
  std::string length;
  for (std::size_t rest = content.size(); rest != 0; rest >>= 8) {
    length.insert(length.begin(), static_cast<char>(rest & 0xff));
  }
  if (content.size() >= 0x80) {
    length.insert(length.begin(), static_cast<char>(0x80 | length.size()));
  } else if (length.empty()) {
    length.assign(1, '\0');
  }
  return static_cast<char>(tag) + length + content;
}

std::string oid(const char* dotted_or_name) {
  const ObjectPtr object(OBJ_txt2obj(dotted_or_name, 0));
  REQUIRE(object);
  return encoded(object.get(), i2d_ASN1_OBJECT);
}

std::string pem(std::string_view der, std::string_view label, std::string_view line_end) {
  const std::string base64 = base64_encode(der);
  std::string text = "-----BEGIN " + std::string(label) + "-----" + std::string(line_end);
  for (std::size_t at = 0; at < base64.size(); at += 64) {
    text += base64.substr(at, 64) + std::string(line_end);
  }
  return text + "-----END " + std::string(label) + "-----" + std::string(line_end);
}

std::string extension(const char* name, std::string_view value) { return der(0x30, {oid(name), der(0x04, {value})}); }

std::string extension_request(std::string_view extensions) {
  return der(0x30, {oid("extReq"), der(0x31, {der(0x30, {extensions})})});
}

std::string uri_name(std::string_view uri) { return der(0x30, {der(0x86, {uri})}); }

RequestBuilder::RequestBuilder() : spki(encoded(key(), i2d_PUBKEY)) {}

std::string RequestBuilder::info() const { return der(0x30, {version, subject, spki, attributes}); }

std::string RequestBuilder::sign(std::string_view bytes) const {
  const EvpMdCtxPtr context(EVP_MD_CTX_new());
  REQUIRE(EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, key()) == 1);
  const auto* const message = reinterpret_cast<const unsigned char*>(bytes.data());
  std::string signature(256, '\0');
  std::size_t size = signature.size();
  REQUIRE(EVP_DigestSign(context.get(), octets(signature), &size, message, bytes.size()) == 1);
  signature.resize(size);
  return signature;
}

std::string RequestBuilder::build() const {
  const std::string signed_part = info();
  return der(0x30, {signed_part, signature_algorithm, der(0x03, {std::string_view("\0", 1), sign(signed_part)})});
}

}  // namespace signet::test
