#include "signer/issue/self_signed_ca.h"

#include <openssl/x509v3.h>

#include <catch2/catch.hpp>
#include <memory>
#include <vector>

#include "signer/issue/certificate_authority.h"
#include "signer/trust/certificate.h"
#include "test/unit/issue/issue_fixture.h"

using namespace signet;
using namespace signet::test;
using std::chrono::hours;

namespace {

TlsSecret made(const std::string& name, const CaProfile& profile = {.lifetime = hours(24)}) {
  auto ca = make_self_signed_ca(name, profile, kNow);
  INFO((ca ? "" : ca.error()));
  REQUIRE(ca);
  return *ca;
}

Certificate certificate_of(const TlsSecret& ca) {
  auto certificates = read_certificates(ca.tls_crt);
  REQUIRE(certificates);
  REQUIRE(certificates->size() == 1);
  return std::move(certificates->front());
}

}  // namespace

TEST_CASE("a new CA's certificate is a root that may sign leaves and nothing else") {
  const TlsSecret ca = made("foo", {.lifetime = hours(100)});
  const Certificate certificate = certificate_of(ca);
  X509* const x509 = certificate.x509.get();
  CHECK(ca.ca_crt == ca.tls_crt);
  CHECK(X509_get_version(x509) == X509_VERSION_3);
  CHECK(subject_text(certificate) == "CN=foo");
  CHECK(X509_NAME_cmp(X509_get_issuer_name(x509), X509_get_subject_name(x509)) == 0);
  CHECK(X509_verify(x509, X509_get0_pubkey(x509)) == 1);
  CHECK(not_before(certificate) == kNow - kBackdate);
  CHECK(not_after(certificate) == kNow + hours(100));
  CHECK((X509_get_extension_flags(x509) & EXFLAG_CA) != 0);
  CHECK(X509_get_pathlen(x509) == 0);
  CHECK(X509_get_key_usage(x509) == (KU_KEY_CERT_SIGN | KU_CRL_SIGN));
  CHECK(ASN1_STRING_length(X509_get0_subject_key_id(x509)) == 20);
  CHECK(X509_get_ext_count(x509) == 3);
  for (const int nid : {NID_basic_constraints, NID_key_usage}) {
    CHECK(X509_EXTENSION_get_critical(X509_get_ext(x509, X509_get_ext_by_NID(x509, nid, -1))) == 1);
  }
}

TEST_CASE("a new CA's certificate is DER where OpenSSL's readers would take BER too") {
  const Certificate certificate = certificate_of(made("foo"));
  X509* const x509 = certificate.x509.get();
  X509_EXTENSION* const constraints = X509_get_ext(x509, X509_get_ext_by_NID(x509, NID_basic_constraints, -1));
  const ASN1_OCTET_STRING* const value = X509_EXTENSION_get_data(constraints);
  const std::vector<unsigned char> bytes(ASN1_STRING_get0_data(value),
                                         ASN1_STRING_get0_data(value) + ASN1_STRING_length(value));
  CHECK(bytes == std::vector<unsigned char>{0x30, 0x06, 0x01, 0x01, 0xFF, 0x02, 0x01, 0x00});
}

TEST_CASE("a new CA issues what is granted whatever its key") {
  struct Row {
    KeyType key;
    int bits;
    const char* signature;
  };
  const Row row = GENERATE(values<Row>({{KeyType::kEcdsaP256, 256, "ecdsa-with-SHA256"},
                                        {KeyType::kEcdsaP384, 384, "ecdsa-with-SHA384"},
                                        {KeyType::kRsa2048, 2048, "RSA-SHA256"},
                                        {KeyType::kRsa3072, 3072, "RSA-SHA256"},
                                        {KeyType::kRsa4096, 4096, "RSA-SHA256"}}));
  INFO(to_string(row.key));
  const TlsSecret ca = made("foo", {.key = row.key, .lifetime = hours(48)});
  const Certificate certificate = certificate_of(ca);
  CHECK(EVP_PKEY_get_bits(X509_get0_pubkey(certificate.x509.get())) == row.bits);
  CHECK(std::string(OBJ_nid2sn(X509_get_signature_nid(certificate.x509.get()))) == row.signature);
  CHECK(ca.tls_key.starts_with("-----BEGIN PRIVATE KEY-----\n"));

  auto chain = IssuerChain::parse(ca.tls_crt, ca.ca_crt);
  auto key = CaKey::parse(ca.tls_key);
  REQUIRE(chain);
  REQUIRE(key);
  const auto authority =
      CertificateAuthority::create("foo", std::make_shared<const IssuerChain>(*std::move(chain)), *std::move(key));
  REQUIRE(authority);
  const auto issued = authority->issue(grant_for(fixture_request("workload-ecdsa")), kNow);
  INFO((issued ? "" : issued.error()));
  CHECK(issued);
}

TEST_CASE("two new CAs of one name have neither key nor serial number in common") {
  const TlsSecret one = made("foo");
  const TlsSecret other = made("foo");
  CHECK(one.tls_key != other.tls_key);
  CHECK(ASN1_INTEGER_cmp(X509_get0_serialNumber(certificate_of(one).x509.get()),
                         X509_get0_serialNumber(certificate_of(other).x509.get())) != 0);
}

TEST_CASE("a name that cannot be a common name is refused") {
  CHECK(make_self_signed_ca(std::string(64, 'a'), {.lifetime = hours(1)}, kNow));
  for (const std::string& name : {std::string(), std::string(65, 'a')}) {
    const auto refused = make_self_signed_ca(name, {.lifetime = hours(1)}, kNow);
    REQUIRE_FALSE(refused);
    CHECK(refused.error() == "\"" + name + "\" cannot be a CA's common name: that has 1 to 64 bytes");
  }
}
