#include "signer/trust/renewal.h"

#include <catch2/catch.hpp>

#include "test/unit/trust/certificate_maker.h"

using namespace signet;
using namespace signet::test;

namespace {

IssuerChain chain_of(const std::string& tls_crt, const std::string& ca_crt = "") {
  auto chain = IssuerChain::parse(tls_crt, ca_crt);
  REQUIRE(chain);
  return *std::move(chain);
}

CertificateSpec longer(CertificateSpec spec) {
  spec.not_after += std::chrono::hours(24 * 365);
  return spec;
}

}  // namespace

TEST_CASE("a chain renews another where its issuer has the key and its root is the anchor of the other") {
  const Issued root = make_certificate(ca_spec("root"), nullptr);
  const Issued other_root = make_certificate(ca_spec("root"), nullptr);
  const Issued issuer = make_certificate(ca_spec("issuer"), &root);
  const Issued other_issuer = make_certificate(ca_spec("issuer"), &root);
  const Issued longer_root = make_certificate(longer(ca_spec("root")), root, *root.key);
  const Issued renamed_root = make_certificate(ca_spec("new root"), nullptr);
  const Issued longer_issuer = make_certificate(longer(ca_spec("issuer")), root, *issuer.key);
  const Issued issuer_elsewhere = make_certificate(ca_spec("issuer"), other_root, *issuer.key);
  CertificateSpec other_identifier = ca_spec("root");
  other_identifier.with("subjectKeyIdentifier", "00010203");
  const Issued identified_root = make_certificate(other_identifier, root, *root.key);
  struct Row {
    const char* name;
    IssuerChain before;
    IssuerChain next;
    bool renews;
  };
  const Row rows[] = {
      {"the same", chain_of(root.pem()), chain_of(root.pem()), true},
      {"a root that lives longer", chain_of(root.pem()), chain_of(longer_root.pem()), true},
      {"a root with another key", chain_of(root.pem()), chain_of(other_root.pem()), false},
      {"a root with another key and name", chain_of(root.pem()), chain_of(renamed_root.pem()), false},
      {"a root with another key identifier", chain_of(root.pem()), chain_of(identified_root.pem()), false},
      {"an issuer that lives longer", chain_of(issuer.pem(), root.pem()), chain_of(longer_issuer.pem(), root.pem()),
       true},
      {"an issuer below a renewed root", chain_of(issuer.pem(), root.pem()), chain_of(issuer.pem(), longer_root.pem()),
       true},
      {"an issuer with another key", chain_of(issuer.pem(), root.pem()), chain_of(other_issuer.pem(), root.pem()),
       false},
      {"an issuer below another root", chain_of(issuer.pem(), root.pem()),
       chain_of(issuer_elsewhere.pem(), other_root.pem()), false},
  };
  for (const Row& row : rows) {
    INFO(row.name);
    CHECK(renews(row.before, row.next) == row.renews);
    CHECK(renews(row.next, row.before) == row.renews);
    CHECK(are_same_certificates(row.before, row.next) == (std::string_view(row.name) == "the same"));
  }
}

TEST_CASE("a name that changed makes a root another anchor, though its key is the same") {
  CertificateSpec spec = ca_spec("root");
  spec.with("subjectKeyIdentifier", "");
  const Issued root = make_certificate(spec, nullptr);
  spec.common_name = "new root";
  const Issued renamed = make_certificate(spec, nullptr);
  X509_set_pubkey(renamed.x509.get(), root.key.get());
  X509_sign(renamed.x509.get(), root.key.get(), EVP_sha256());
  CHECK_FALSE(renews(chain_of(root.pem()), chain_of(renamed.pem())));
}
