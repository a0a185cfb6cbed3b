#include "signer/issue/certificate_authority.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <catch2/catch.hpp>
#include <set>
#include <thread>

#include "signer/csr/sha256.h"
#include "signer/csr/signing_request_of.h"
#include "signer/trust/certificate.h"
#include "signer/trust/certificate_check.h"
#include "test/unit/issue/issue_fixture.h"

using namespace signet;
using namespace signet::test;
using std::chrono::hours;
using std::chrono::minutes;

namespace {

CertificateAuthority authority(const std::string& signer, const Issued& issuer, const std::string& tls_crt,
                               const std::string& ca_crt = "") {
  auto chain = IssuerChain::parse(tls_crt, ca_crt);
  INFO((chain ? "" : chain.error()));
  REQUIRE(chain);
  auto key = CaKey::parse(private_pem(*issuer.key));
  REQUIRE(key);
  auto made =
      CertificateAuthority::create(signer, std::make_shared<const IssuerChain>(std::move(*chain)), std::move(*key));
  REQUIRE(made);
  return std::move(*made);
}

std::string extension_text(const X509& certificate, int nid) {
  const int at = X509_get_ext_by_NID(&certificate, nid, -1);
  if (at < 0) return "none";
  X509_EXTENSION* const extension = X509_get_ext(&certificate, at);
  const BioPtr out(BIO_new(BIO_s_mem()));
  X509V3_EXT_print(out.get(), extension, 0, 0);
  char* text = nullptr;
  const long size = BIO_get_mem_data(out.get(), &text);
  return std::string(X509_EXTENSION_get_critical(extension) == 1 ? "critical " : "") +
         std::string(text, static_cast<std::size_t>(size));
}

std::string signature_name(const X509& certificate) { return OBJ_nid2sn(X509_get_signature_nid(&certificate)); }

Certificate leaf_of(const IssuedCertificate& issued) {
  auto chain = read_certificates(issued.chain_pem);
  REQUIRE(chain);
  return std::move(chain->front());
}

}  // namespace

TEST_CASE("a workload's certificate has the granted key and URI and nothing else of the request") {
  const Issued root = make_certificate(ca_spec("foo root"), nullptr);
  const auto csr = fixture_request("workload-ecdsa");
  const auto issued = authority("foo", root, root.pem()).issue(grant_for(csr), kNow);
  INFO((issued ? "" : issued.error()));
  REQUIRE(issued);
  const Certificate leaf = leaf_of(*issued);
  const X509& x509 = *leaf.x509;
  CHECK(X509_get_version(&x509) == X509_VERSION_3);
  CHECK(X509_NAME_entry_count(X509_get_subject_name(&x509)) == 0);
  CHECK(X509_NAME_cmp(X509_get_issuer_name(&x509), X509_get_subject_name(root.x509.get())) == 0);
  CHECK(spki_of(leaf) == grant_for(csr).terms().spki);
  CHECK(extension_text(x509, NID_subject_alt_name) == "critical URI:spiffe://cluster.local/ns/foo/sa/app");
  CHECK(extension_text(x509, NID_key_usage) == "critical Digital Signature, Key Encipherment");
  CHECK(extension_text(x509, NID_ext_key_usage) == "TLS Web Server Authentication, TLS Web Client Authentication");
  CHECK(extension_text(x509, NID_basic_constraints) == "critical CA:FALSE");
  CHECK(X509_get_ext_count(&x509) == 6);
  CHECK(X509_verify(leaf.x509.get(), root.key.get()) == 1);
  CHECK(signature_name(x509) == "ecdsa-with-SHA256");
  CHECK(ASN1_OCTET_STRING_cmp(X509_get0_authority_key_id(leaf.x509.get()), X509_get0_subject_key_id(root.x509.get())) ==
        0);
  CHECK(ASN1_STRING_length(X509_get0_subject_key_id(leaf.x509.get())) == 20);
  CHECK(not_before(leaf) == kNow - minutes(5));
  CHECK(not_after(leaf) == kNow + hours(24));
  CHECK(issued->not_before == not_before(leaf));
  CHECK(issued->not_after == not_after(leaf));
  CHECK(issued->sha256 == sha256_hex(leaf.der));
  CHECK(issued->chain_pem == certificate_pem(leaf));
}

TEST_CASE("a service's certificate has exactly the granted DNS names") {
  const Issued root = make_certificate(ca_spec("mesh root"), nullptr, "RSA-2048");
  auto csr = fixture_request("istiod-serving-certificate");
  csr.spec.expiration_seconds = 3600;
  const auto issued = authority("istio-system", root, root.pem()).issue(grant_for(csr), kNow);
  INFO((issued ? "" : issued.error()));
  REQUIRE(issued);
  const Certificate leaf = leaf_of(*issued);
  std::string names = "critical ";
  const Grant grant = grant_for(csr);
  for (const SubjectAltName& name : grant.terms().names) {
    names += (names.size() > 9 ? ", DNS:" : "DNS:") + name.value;
  }
  CHECK(extension_text(*leaf.x509, NID_subject_alt_name) == names);
  CHECK(signature_name(*leaf.x509) == "RSA-SHA256");
  CHECK(not_after(leaf) == kNow + hours(1));
}

TEST_CASE("a service's certificate has exactly the granted IP addresses beside its DNS names") {
  PolicyModel model = fixture_policy().model();
  model.tenants.front().services = {{.requesters = {"issuer"},
                                     .requester_groups = {},
                                     .dns_names = {"*.foo.example"},
                                     .ip_addresses = {"10.0.0.7", "2001:db8::1"}}};
  const Policy policy(model, "digest");
  SigningRequest request = signing_request_of(fixture_request("workload-ecdsa"));
  request.requester = "issuer";
  using Type = SubjectAltName::Type;
  request.pkcs10->names = {{Type::kDns, "api.foo.example"}, {Type::kIp, "10.0.0.7"}, {Type::kIp, "2001:db8::1"}};
  Decision decision = policy.evaluate(request, KnownNamespaces());
  INFO(to_message(decision.findings));
  REQUIRE(decision.grant);
  const Issued root = make_certificate(ca_spec("root"), nullptr);
  const auto issued = authority("foo", root, root.pem()).issue(std::move(*decision.grant), kNow);
  INFO((issued ? "" : issued.error()));
  REQUIRE(issued);
  CHECK(extension_text(*leaf_of(*issued).x509, NID_subject_alt_name) ==
        "critical DNS:api.foo.example, IP Address:10.0.0.7, IP Address:2001:DB8:0:0:0:0:0:1");
}

TEST_CASE("every kind of CA signs every kind of key with a hash as strong as its own") {
  struct Row {
    const char* ca;
    const char* signature;
  };
  const Row row = GENERATE(
      values<Row>({{"P-256", "ecdsa-with-SHA256"}, {"P-384", "ecdsa-with-SHA384"}, {"RSA-2048", "RSA-SHA256"}}));
  const Issued root = make_certificate(ca_spec("foo root"), nullptr, row.ca);
  const auto foo = authority("foo", root, root.pem());
  for (const char* const name : {"workload-ecdsa", "workload-rsa"}) {
    const auto issued = foo.issue(grant_for(fixture_request(name)), kNow);
    INFO((issued ? "" : issued.error()));
    REQUIRE(issued);
    CHECK(signature_name(*leaf_of(*issued).x509) == row.signature);
  }
}

TEST_CASE("the chain is the leaf and the intermediates without the root") {
  const Issued root = make_certificate(ca_spec("root"), nullptr);
  const Issued middle = make_certificate(ca_spec("middle"), &root);
  const auto foo = authority("foo", middle, middle.pem() + root.pem());
  const auto issued = foo.issue(grant_for(fixture_request("workload-ecdsa")), kNow);
  INFO((issued ? "" : issued.error()));
  REQUIRE(issued);
  CHECK(issued->chain_pem == certificate_pem(leaf_of(*issued)) + middle.pem());
}

TEST_CASE("where workloads may name no signer the chain ends in the root") {
  PolicyModel model = fixture_policy().model();
  model.routed_signer = "routed";
  const Policy policy(model, "digest");
  const Issued root = make_certificate(ca_spec("root"), nullptr);
  const Issued middle = make_certificate(ca_spec("middle"), &root);
  const auto foo = authority("foo", middle, middle.pem() + root.pem());
  Decision decision = policy.evaluate(signing_request_of(fixture_request("workload-ecdsa")), KnownNamespaces());
  REQUIRE(decision.grant);
  const auto issued = foo.issue(std::move(*decision.grant), kNow);
  INFO((issued ? "" : issued.error()));
  REQUIRE(issued);
  CHECK(issued->chain_pem == certificate_pem(leaf_of(*issued)) + middle.pem() + root.pem());
}

TEST_CASE("a certificate is never valid longer than granted nor outside the validity of its CA") {
  struct Row {
    const char* name;
    std::chrono::sys_seconds ca_from, ca_until, from, until;
    const char* error;
  };
  const Row row = GENERATE(values<Row>({
      {"a CA that lives long", kNow - hours(1), kNow + hours(1000), kNow - minutes(5), kNow + hours(24), ""},
      {"a CA that is new", kNow - minutes(1), kNow + hours(1000), kNow - minutes(1), kNow + hours(24), ""},
      {"a CA that ends first", kNow - hours(1), kNow + hours(2), kNow - minutes(5), kNow + hours(2), ""},
      {"a CA that ends at once", kNow - hours(1), kNow + minutes(10), kNow - minutes(5), kNow + minutes(10), ""},
      {"too little remains", kNow - hours(1), kNow + minutes(9), {}, {}, "expires in less than 10 minutes"},
      {"an expired CA", kNow - hours(2), kNow - hours(1), {}, {}, "signer \"foo\": "},
      {"a CA of tomorrow", kNow + hours(1), kNow + hours(2), {}, {}, "signer \"foo\": "},
  }));
  INFO(row.name);
  CertificateSpec spec = ca_spec("root");
  spec.not_before = row.ca_from;
  spec.not_after = row.ca_until;
  const Issued root = make_certificate(spec, nullptr);
  const auto issued = authority("foo", root, root.pem()).issue(grant_for(fixture_request("workload-ecdsa")), kNow);
  if (*row.error != '\0') {
    REQUIRE_FALSE(issued);
    CHECK(issued.error().find(row.error) != std::string::npos);
  } else {
    INFO((issued ? "" : issued.error()));
    REQUIRE(issued);
    CHECK(issued->not_before == row.from);
    CHECK(issued->not_after == row.until);
  }
}

TEST_CASE("a date from 2050 on is written as RFC 5280 wants it") {
  CertificateSpec spec = ca_spec("root");
  const std::chrono::sys_seconds later = std::chrono::sys_days(std::chrono::January / 1 / 2060);
  spec.not_after = later + hours(48);
  const Issued root = make_certificate(spec, nullptr);
  const auto issued = authority("foo", root, root.pem()).issue(grant_for(fixture_request("workload-ecdsa")), later);
  INFO((issued ? "" : issued.error()));
  REQUIRE(issued);
  CHECK(ASN1_STRING_type(X509_get0_notAfter(leaf_of(*issued).x509.get())) == V_ASN1_GENERALIZEDTIME);
}

TEST_CASE("a grant is redeemed once and at its own signer") {
  const Issued root = make_certificate(ca_spec("root"), nullptr);
  const auto foo = authority("foo", root, root.pem());
  Grant grant = grant_for(fixture_request("workload-ecdsa"));
  REQUIRE(foo.issue(std::move(grant), kNow));
  // NOLINTNEXTLINE(bugprone-use-after-move): that is what is tested
  CHECK(foo.issue(std::move(grant), kNow).error() == "signer \"foo\": the grant was redeemed already");
  CHECK(authority("bar", root, root.pem()).issue(grant_for(fixture_request("workload-ecdsa")), kNow).error() ==
        "signer \"bar\": the grant is for signer foo");
}

TEST_CASE("a CA with another's key is not made") {
  const Issued root = make_certificate(ca_spec("root"), nullptr);
  const Issued other = make_certificate(ca_spec("root"), nullptr);
  auto key = CaKey::parse(private_pem(*other.key));
  const auto made = CertificateAuthority::create(
      "foo", std::make_shared<const IssuerChain>(std::move(*IssuerChain::parse(root.pem(), ""))), std::move(*key));
  REQUIRE_FALSE(made);
  CHECK(made.error() == "signer \"foo\": the private key is not that of the CA's certificate");
}

TEST_CASE("many threads sign with one CA and every serial number is another, positive and of 16 bytes at most") {
  constexpr int kThreads = 4;
  constexpr int kEach = 50;
  const Issued root = make_certificate(ca_spec("root"), nullptr);
  const auto foo = authority("foo", root, root.pem());
  std::vector<Grant> grants;
  for (int i = 0; i < kThreads * kEach; ++i) grants.push_back(grant_for(fixture_request("workload-ecdsa")));
  std::vector<std::string> serials(grants.size());
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = t * kEach; i < (t + 1) * kEach; ++i) {
        const auto at = static_cast<std::size_t>(i);
        if (const auto issued = foo.issue(std::move(grants[at]), kNow)) serials[at] = issued->serial;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  const std::set<std::string> different(serials.begin(), serials.end());
  CHECK(different.size() == serials.size());
  for (const std::string& serial : different) {
    CHECK(serial.size() > 16);
    CHECK(serial.size() <= 32);
  }
}

TEST_CASE("the serial number of the log is that of the certificate") {
  const Issued root = make_certificate(ca_spec("root"), nullptr);
  const auto foo = authority("foo", root, root.pem());
  for (int i = 0; i < 20; ++i) {
    const auto issued = foo.issue(grant_for(fixture_request("workload-ecdsa")), kNow);
    REQUIRE(issued);
    const Certificate leaf = leaf_of(*issued);
    const BignumPtr number(ASN1_INTEGER_to_BN(X509_get0_serialNumber(leaf.x509.get()), nullptr));
    BIGNUM* read = nullptr;
    BN_hex2bn(&read, issued->serial.c_str());
    const BignumPtr told(read);
    CHECK(BN_cmp(number.get(), told.get()) == 0);
    CHECK(BN_is_negative(number.get()) == 0);
  }
}
