#include "signer/trust/certificate_check.h"

#include <openssl/x509_vfy.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <functional>
#include <string>
#include <vector>

#include "test/unit/trust/certificate_maker.h"

namespace signet {
namespace {

using namespace std::chrono_literals;
using test::ca_spec;
using test::CertificateSpec;
using test::Issued;
using test::kNow;
using test::make_certificate;

const std::string kUri = "spiffe://cluster.local/ns/foo/sa/app";

// A leaf as our own profile makes it.
CertificateSpec leaf_spec() {
  return {.common_name = "",
          .extensions = {{"basicConstraints", "critical,CA:FALSE"},
                         {"keyUsage", "critical,digitalSignature,keyEncipherment"},
                         {"extendedKeyUsage", "serverAuth,clientAuth"},
                         {"subjectKeyIdentifier", "hash"},
                         {"authorityKeyIdentifier", "keyid:always"},
                         {"subjectAltName", "critical,URI:" + kUri}}};
}

// Whether OpenSSL's own path validation takes the leaf, given what follows it and the signer's root.
bool openssl_verifies(const std::string& pem, const IssuerChain& chain, std::chrono::sys_seconds now) {
  const std::vector<Certificate> sent = read_certificates(pem).value();
  const OpensslPtr<STACK_OF(X509), [](STACK_OF(X509) * stack) { sk_X509_free(stack); }> others(sk_X509_new_null());
  for (const Certificate& certificate : sent) {
    sk_X509_push(others.get(), certificate.x509.get());
  }
  const X509StoreCtxPtr context(X509_STORE_CTX_new());
  REQUIRE(X509_STORE_CTX_init(context.get(), chain.store(), sent.front().x509.get(), others.get()) == 1);
  X509_STORE_CTX_set_time(context.get(), 0,
                          std::chrono::system_clock::to_time_t(std::max(now, not_before(sent.front()))));
  return X509_verify_cert(context.get()) == 1;
}

// A signer with an intermediate, a workload's key and what was granted for it.
struct Fixture {
  Issued root = make_certificate(ca_spec("root"), nullptr);
  Issued middle = make_certificate(ca_spec("middle"), &root);
  Issued issuer = make_certificate(ca_spec("issuer"), &middle);
  IssuerChain chain = IssuerChain::parse(issuer.pem() + middle.pem(), root.pem()).value();
  EvpPkeyPtr key = test::make_key("P-256");
  Grant::Terms terms{
      .csr_uid = "uid",
      .csr_name = "name",
      .signer = "foo",
      .tenant = "foo",
      .spki = test::spki_of(*key),
      .key_type = KeyType::kEcdsaP256,
      .names = {{SubjectAltName::Type::kUri, kUri}},
      .usages = {Usage::kDigitalSignature, Usage::kKeyEncipherment, Usage::kServerAuth, Usage::kClientAuth},
      .lifetime = 24h};

  [[nodiscard]] std::string leaf(const CertificateSpec& spec) const {
    return make_certificate(spec, issuer, *key).pem();
  }
  [[nodiscard]] std::string check(const std::string& pem, std::chrono::sys_seconds now = kNow) const {
    const auto checked = check_certificate(terms, pem, chain, now);
    if (checked) {
      CHECK(openssl_verifies(pem, chain, now));
    }
    return checked ? "" : checked.error();
  }
};

TEST_CASE("a leaf is accepted exactly if it is what was granted") {
  const Fixture f;
  struct Row {
    std::string name;
    std::function<void(CertificateSpec&)> change;
    std::string error;
  };
  const auto extension = [](const std::string& name, const std::string& value) {
    return [=](CertificateSpec& spec) { spec.with(name, value); };
  };
  const auto san = [&extension](const std::string& value) { return extension("subjectAltName", value); };
  const std::vector<Row> rows = {
      {"as granted", [](CertificateSpec&) {}, ""},
      {"without a word of CA", extension("basicConstraints", ""), ""},
      {"fewer usages", extension("extendedKeyUsage", "clientAuth"), ""},
      {"a non-critical extension of the issuer's", extension("authorityInfoAccess", "OCSP;URI:http://foo/"), ""},
      {"a shorter life", [](CertificateSpec& spec) { spec.not_after = kNow + 1s; }, ""},
      {"an issuer whose clock is ahead",
       [](CertificateSpec& spec) {
         spec.not_before = kNow + 60s;
         spec.not_after = kNow + 24h + 60s;
       },
       ""},

      {"an issuer from the future", [](CertificateSpec& spec) { spec.not_before = kNow + 61s; },
       "the leaf is not valid before 2026-11-23T20:01:01Z"},
      {"too long", [](CertificateSpec& spec) { spec.not_after = kNow + 24h + 61s; },
       "the leaf is valid until 2026-11-24T20:01:01Z, longer than the granted 86400 seconds from now"},
      {"expired", [](CertificateSpec& spec) { spec.not_after = kNow; }, "the leaf expired at 2026-11-23T20:00:00Z"},
      {"version 1",
       [](CertificateSpec& spec) {
         spec.version = 0;
         spec.extensions.clear();
       },
       "the leaf is not of version 3"},
      {"no extensions", [](CertificateSpec& spec) { spec.extensions.clear(); }, "the leaf has no extensions"},
      {"a CA", extension("basicConstraints", "critical,CA:TRUE"), "the leaf is a CA, or its key may sign certificates"},
      {"a key for certificates", extension("keyUsage", "critical,digitalSignature,keyCertSign"),
       "the leaf is a CA, or its key may sign certificates"},
      {"a key for revocation lists", extension("keyUsage", "critical,digitalSignature,cRLSign"),
       "the leaf is a CA, or its key may sign certificates"},
      {"no names", extension("subjectAltName", ""),
       "the leaf has 0 subject alternative name extensions, where one is granted"},
      {"another identity", san("URI:spiffe://cluster.local/ns/bar/sa/app"),
       "the leaf has the name spiffe://cluster.local/ns/bar/sa/app, which was not granted"},
      {"another case", san("URI:spiffe://cluster.local/ns/Foo/sa/app"),
       "the leaf has the name spiffe://cluster.local/ns/Foo/sa/app, which was not granted"},
      {"one name more", san("URI:" + kUri + ",DNS:app.foo.svc"),
       "the leaf has the name app.foo.svc, which was not granted"},
      {"the same name twice", san("URI:" + kUri + ",URI:" + kUri), "the leaf has the name " + kUri + " twice"},
      {"the name as another type", san("DNS:" + kUri), "the leaf has the name " + kUri + ", which was not granted"},
      {"an address", san("URI:" + kUri + ",IP:10.0.0.1"), "the leaf has the name 10.0.0.1, which was not granted"},
      {"a host as the common name", [](CertificateSpec& spec) { spec.common_name = "istiod.istio-system.svc"; },
       "the leaf's subject (CN=istiod.istio-system.svc) has a common name that was not granted"},
      {"a key usage more", extension("keyUsage", "critical,digitalSignature,keyAgreement"),
       "the leaf has the usage key agreement, which was not granted"},
      {"a key usage that has no name in policies", extension("keyUsage", "critical,digitalSignature,encipherOnly"),
       "the leaf has the usage encipher only, which was not granted"},
      {"an extended key usage more", extension("extendedKeyUsage", "clientAuth,codeSigning"),
       "the leaf has the usage 1.3.6.1.5.5.7.3.3, which was not granted"},
      {"any extended key usage", extension("extendedKeyUsage", "clientAuth,anyExtendedKeyUsage"),
       "the leaf has the usage 2.5.29.37.0, which was not granted"},
      {"no key usage", extension("keyUsage", ""), "the leaf has no key usage, which would allow them all"},
      {"no extended key usage", extension("extendedKeyUsage", ""),
       "the leaf has no extended key usage, which would allow them all"},
      {"an unknown critical extension", extension("1.2.3.4", "critical,DER:0500"),
       "the leaf has the critical extension 1.2.3.4, which nobody here handles"},
      {"a proxy certificate", extension("1.3.6.1.5.5.7.1.14", "DER:0500"),
       "the leaf is a proxy certificate (RFC 3820)"},
      {"an identifier of a key that is none", extension("subjectKeyIdentifier", "DER:0500"),
       "the leaf: extension 2.5.29.14 is malformed"},
      {"SHA-1", [](CertificateSpec& spec) { spec.digest = EVP_sha1(); },
       "the leaf: signature algorithm 1.2.840.10045.4.1, where an EC key signs with"},
  };
  for (const Row& row : rows) {
    INFO(row.name);
    CertificateSpec spec = leaf_spec();
    row.change(spec);
    const std::string error = f.check(f.leaf(spec) + f.chain.published_chain_pem());
    CHECK(error.substr(0, row.error.empty() ? std::string::npos : row.error.size()) == row.error);
  }
}

TEST_CASE("two extensions of names are refused although each alone would do") {
  const Fixture f;
  CertificateSpec spec = leaf_spec();
  spec.extensions.emplace_back("subjectAltName", "URI:" + kUri);
  CHECK(f.check(f.leaf(spec) + f.chain.published_chain_pem()) ==
        "the leaf has 2 subject alternative name extensions, where one is granted");
}

TEST_CASE("DNS names may come in any order and a common name may be one of them") {
  Fixture f;
  f.terms.names = {{SubjectAltName::Type::kDns, "b.foo.svc"}, {SubjectAltName::Type::kDns, "a.foo.svc"}};
  CertificateSpec spec = leaf_spec();
  spec.common_name = "a.foo.svc";
  const std::string above = f.chain.published_chain_pem();
  CHECK(f.check(f.leaf(spec.with("subjectAltName", "DNS:a.foo.svc,DNS:b.foo.svc")) + above) == "");
  CHECK(f.check(f.leaf(spec.with("subjectAltName", "DNS:a.foo.svc")) + above) ==
        "the leaf lacks the granted name b.foo.svc");
  CHECK(f.check(f.leaf(spec.with("subjectAltName", "DNS:a.foo.svc,DNS:B.foo.svc")) + above) ==
        "the leaf has the name B.foo.svc, which was not granted");
}

TEST_CASE("an extension that confines usages may be absent only where none of its usages was granted") {
  Fixture f;
  const std::string above = f.chain.published_chain_pem();
  f.terms.usages = {Usage::kClientAuth};
  CHECK(f.check(f.leaf(leaf_spec().with("keyUsage", "").with("extendedKeyUsage", "clientAuth")) + above) == "");
  f.terms.usages = {Usage::kDigitalSignature};
  CHECK(f.check(f.leaf(leaf_spec().with("keyUsage", "digitalSignature").with("extendedKeyUsage", "")) + above) == "");
}

TEST_CASE("the key must be the granted one and the issuer the signer's own") {
  const Fixture f;
  const std::string above = f.chain.published_chain_pem();
  const EvpPkeyPtr other_key = test::make_key("P-256");
  CHECK(f.check(make_certificate(leaf_spec(), f.issuer, *other_key).pem() + above) ==
        "the leaf's key is not the one that was granted");

  const Issued impostor = make_certificate(ca_spec("issuer"), nullptr);
  const Fixture stranger;
  CHECK(f.check(make_certificate(leaf_spec(), impostor, *f.key).pem() + above) ==
        "the leaf's authority key identifier is not the signer's");
  // No identifier that would tell the impostor: its signature must.
  CHECK(f.check(make_certificate(leaf_spec().with("authorityKeyIdentifier", ""), impostor, *f.key).pem() + above) ==
        "the leaf's signature is not the signer's");
  CHECK(f.check(make_certificate(leaf_spec(), stranger.issuer, *f.key).pem() + above) ==
        "the leaf's authority key identifier is not the signer's");
  const Issued other = make_certificate(ca_spec("other"), nullptr);
  CHECK(f.check(make_certificate(leaf_spec(), other, *f.key).pem() + above) ==
        "the leaf's issuer is CN=other, not the signer");
}

TEST_CASE("what follows the leaf is the signer's chain and enough of it") {
  const Fixture f;
  const std::string leaf = f.leaf(leaf_spec());
  const std::string issuer = f.issuer.pem();
  const std::string middle = f.middle.pem();
  const std::string root = f.root.pem();
  const auto lacks = [](const std::string& name) {
    return "the chain lacks CN=" + name + ", which leads to the signer's root";
  };
  struct Row {
    std::string name;
    std::string pem;
    std::string error;
  };
  const std::vector<Row> rows = {
      {"the published chain", leaf + issuer + middle, ""},
      {"with the root", leaf + issuer + middle + root, ""},
      {"nothing", "", "PEM: empty"},
      {"the leaf alone", leaf, lacks("issuer")},
      {"without the intermediate", leaf + issuer, lacks("middle")},
      {"without the issuer", leaf + middle, lacks("issuer")},
      {"the issuer twice", leaf + issuer + middle + issuer, "certificate 4 comes twice"},
      {"the leaf twice", leaf + leaf + issuer + middle, "certificate 2 does not belong to the signer's chain"},
      {"a stranger", leaf + issuer + middle + make_certificate(ca_spec("root"), nullptr).pem(),
       "certificate 4 does not belong to the signer's chain"},
      {"the issuer first", issuer + leaf + middle, "the leaf's key is not the one that was granted"},
      {"text around", "leaf:\n" + leaf + issuer + middle, "PEM line 1: is not \"-----BEGIN CERTIFICATE-----\""},
      {"a key beside it", leaf + "-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n", "PEM line "},
  };
  for (const Row& row : rows) {
    INFO(row.name);
    CHECK(f.check(row.pem).substr(0, row.error.empty() ? std::string::npos : row.error.size()) == row.error);
  }
}

TEST_CASE("a leaf of an expired chain is refused") {
  const Fixture f;
  CertificateSpec spec = leaf_spec();
  spec.not_after = kNow + 24h * 181;
  CHECK(f.check(f.leaf(spec) + f.chain.published_chain_pem(), kNow + 24h * 180 + 1s) ==
        "the issuer's chain: CN=issuer expired at 2027-05-22T20:00:00Z");
}

TEST_CASE("no truncation and no change of a byte of the leaf is accepted") {
  const Fixture f;
  const std::string leaf = f.leaf(leaf_spec());
  const std::string above = f.chain.published_chain_pem();
  REQUIRE(f.check(leaf + above) == "");
  for (std::size_t at = 0; at < leaf.size(); ++at) {
    std::string changed = leaf;
    changed[at] = static_cast<char>(changed[at] ^ 1);
    INFO("byte " << at);
    REQUIRE(f.check(changed + above) != "");
    REQUIRE(f.check(leaf.substr(0, at) + above) != "");
  }
}

}  // namespace
}  // namespace signet
