#include "signer/trust/issuer_chain.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "signer/csr/sha256.h"
#include "test/unit/trust/certificate_maker.h"

namespace signet {
namespace {

using namespace std::chrono_literals;
using test::ca_spec;
using test::CertificateSpec;
using test::Issued;
using test::kNow;
using test::make_certificate;

std::string error_of(const tl::expected<IssuerChain, std::string>& chain) { return chain ? "" : chain.error(); }

TEST_CASE("an issuer is told with its way to the root and what to publish of it") {
  const Issued root = make_certificate(ca_spec("root"), nullptr);
  const Issued middle = make_certificate(ca_spec("middle"), &root, "RSA-2048");
  const Issued issuer = make_certificate(ca_spec("issuer"), &middle, "P-384");
  const std::string below_root = issuer.pem() + middle.pem();
  struct Row {
    std::string name;
    std::string tls_crt;
    std::string ca_crt;
    std::size_t path;
    std::string published;
  };
  const std::vector<Row> rows = {
      {"a root that issues, alone", root.pem(), "", 1, ""},
      {"a root that issues, as cert-manager writes it", root.pem(), root.pem(), 1, ""},
      {"an issuer below a root", middle.pem(), root.pem(), 2, middle.pem()},
      {"an issuer below an intermediate", below_root, root.pem(), 3, below_root},
      {"the root at the end of tls.crt", below_root + root.pem(), "", 3, below_root},
      {"the root in both", below_root + root.pem(), root.pem(), 3, below_root},
      {"another root beside it", below_root, make_certificate(ca_spec("other"), nullptr).pem() + root.pem(), 3,
       below_root},
      {"another root of the same name", below_root, make_certificate(ca_spec("root"), nullptr).pem() + root.pem(), 3,
       below_root},
  };
  for (const Row& row : rows) {
    INFO(row.name);
    const auto chain = IssuerChain::parse(row.tls_crt, row.ca_crt);
    REQUIRE(error_of(chain) == "");
    CHECK(chain->path().size() == row.path);
    CHECK(chain->published_chain_pem() == row.published);
    CHECK(chain->root_pem() == root.pem());
    CHECK(chain->root_spki_sha256() == sha256_hex(test::spki_of(*root.key)));
    CHECK(chain->root_sha256() == sha256_hex(chain->path().back().der));
  }
  const auto chain = IssuerChain::parse(below_root, root.pem());
  CHECK(X509_cmp(chain->issuer(), issuer.x509.get()) == 0);
  CHECK(chain->issuer_spki() == test::spki_of(*issuer.key));
  CHECK(chain->issuer_spki_sha256() == sha256_hex(test::spki_of(*issuer.key)));
}

TEST_CASE("a chain that would not serve is refused with what is wrong with it") {
  const Issued root = make_certificate(ca_spec("root"), nullptr);
  const Issued other = make_certificate(ca_spec("other"), nullptr);
  const Issued impostor = make_certificate(ca_spec("root"), nullptr);
  const Issued middle = make_certificate(ca_spec("middle"), &root);
  const Issued issuer = make_certificate(ca_spec("issuer"), &middle);
  // Changed in one way, below the root.
  const auto below = [&root](CertificateSpec spec, const std::string& key = "P-256") {
    return make_certificate(spec, &root, key).pem();
  };
  const auto alone = [](CertificateSpec spec, const std::string& key = "P-256") {
    return make_certificate(spec, nullptr, key).pem();
  };
  CertificateSpec sha1 = ca_spec("issuer");
  sha1.digest = EVP_sha1();
  const Issued narrow_root =
      make_certificate(ca_spec("narrow").with("basicConstraints", "critical,CA:TRUE,pathlen:0"), nullptr);
  struct Row {
    std::string name;
    std::string tls_crt;
    std::string ca_crt;
    std::string error;
  };
  const std::vector<Row> rows = {
      {"nothing", "", "", "tls.crt: PEM: empty"},
      {"a key", "-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n", "",
       "tls.crt: PEM line 1: is not \"-----BEGIN CERTIFICATE-----\""},
      {"no certificate inside", "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n", "",
       "tls.crt: certificate 1: not an X.509 certificate: "},
      {"no DER inside", root.pem() + "-----BEGIN CERTIFICATE-----\nMIA=\n-----END CERTIFICATE-----\n", "",
       "tls.crt: certificate 2: DER byte 0: "},
      {"text in ca.crt", root.pem(), "root", "ca.crt: PEM line 1: "},
      {"no root", middle.pem(), "", "tls.crt: CN=middle is signed by no root in tls.crt, and there is no ca.crt"},
      {"the root of others", middle.pem(), other.pem(), "tls.crt: CN=middle is signed by no root in ca.crt"},
      {"a root of the same name", middle.pem(), impostor.pem(), "tls.crt: CN=middle is signed by no root in ca.crt"},
      {"a root of its own that ca.crt lacks", other.pem(), root.pem(),
       "tls.crt ends in the root CN=other, which is not in ca.crt"},
      {"the intermediate is missing", issuer.pem(), root.pem(), "tls.crt: CN=issuer is signed by no root in ca.crt"},
      {"in the wrong order", middle.pem() + issuer.pem(), root.pem(),
       "tls.crt: certificate 1: CN=middle is not signed by the one that follows it"},
      {"more after the root", root.pem() + root.pem(), "",
       "tls.crt: certificate 1: CN=root is self-signed and yet not the last"},
      {"an intermediate for a root", issuer.pem(), middle.pem(), "ca.crt: certificate 1: CN=middle is not self-signed"},
      {"no CA", below(ca_spec("issuer").with("basicConstraints", "CA:FALSE").with("keyUsage", "")), root.pem(),
       "the issuer's chain: CN=issuer: it is no CA"},
      {"nothing said of CA", below(ca_spec("issuer").with("basicConstraints", "").with("keyUsage", "")), root.pem(),
       "the issuer's chain: CN=issuer: it is no CA"},
      {"a root that is no CA", alone(ca_spec("root").with("basicConstraints", "CA:FALSE").with("keyUsage", "")), "",
       "the issuer's chain: CN=root: it is no CA"},
      {"no keyCertSign", below(ca_spec("issuer").with("keyUsage", "digitalSignature")), root.pem(),
       "the issuer's chain: CN=issuer: its key usage lacks keyCertSign"},
      {"name constraints", below(ca_spec("issuer").with("nameConstraints", "permitted;DNS:foo")), root.pem(),
       "the issuer's chain: CN=issuer: it has name constraints"},
      {"no room below the root", make_certificate(ca_spec("issuer"), &narrow_root).pem(), narrow_root.pem(),
       "the issuer's chain: CN=narrow: its path length of 0 leaves no room"},
      {"an unknown critical extension", below(ca_spec("issuer").with("1.2.3.4", "critical,DER:0500")), root.pem(),
       "the issuer's chain does not verify: unhandled critical extension"},
      {"SHA-1", make_certificate(sha1, &root).pem(), root.pem(), "the issuer's chain does not verify: "},
      {"RSA of 1024 bits", alone(ca_spec("root"), "RSA-1024"), "",
       "the issuer's chain: CN=root: its RSA key has 1024 bits"},
      {"Ed25519", alone(ca_spec("root"), "ED25519"), "",
       "the issuer's chain: CN=root: its key is neither EC P-256 or P-384 nor RSA"},
      {"P-521", alone(ca_spec("root"), "P-521"), "",
       "the issuer's chain: CN=root: its key is neither EC P-256 or P-384 nor RSA"},
      {"too many certificates",
       issuer.pem() + issuer.pem() + issuer.pem() + issuer.pem() + issuer.pem() + issuer.pem() + issuer.pem() +
           issuer.pem() + issuer.pem() + issuer.pem() + issuer.pem(),
       "", "tls.crt: PEM line "},
      {"too large", std::string(70'000, '\n'), "", "tls.crt: PEM: 70000 bytes, of at most 65536"},
  };
  for (const Row& row : rows) {
    INFO(row.name);
    const std::string error = error_of(IssuerChain::parse(row.tls_crt, row.ca_crt));
    CHECK(error.substr(0, row.error.size()) == row.error);
  }
}

TEST_CASE("CAs are accepted as the usual tools make them") {
  struct Row {
    std::string name;
    CertificateSpec spec;
  };
  const std::vector<Row> rows = {
      {"cert-manager", ca_spec("root").with("keyUsage", "critical,digitalSignature,keyEncipherment,keyCertSign")},
      {"openssl req -x509", ca_spec("root").with("keyUsage", "").with("authorityKeyIdentifier", "keyid:always")},
      {"no identifiers", ca_spec("root").with("subjectKeyIdentifier", "")},
      {"an issuer of leaves only", ca_spec("root").with("basicConstraints", "critical,CA:TRUE,pathlen:0")},
  };
  for (const Row& row : rows) {
    INFO(row.name);
    CHECK(error_of(IssuerChain::parse(make_certificate(row.spec, nullptr).pem(), "")) == "");
  }
}

TEST_CASE("a chain is valid while all of it is") {
  CertificateSpec root_spec = ca_spec("root");
  root_spec.not_before = kNow - 10h;
  root_spec.not_after = kNow + 100h;
  CertificateSpec issuer_spec = ca_spec("issuer");
  issuer_spec.not_before = kNow - 20h;
  issuer_spec.not_after = kNow + 50h;
  const Issued root = make_certificate(root_spec, nullptr);
  const Issued issuer = make_certificate(issuer_spec, &root);
  const auto chain = IssuerChain::parse(issuer.pem(), root.pem());
  REQUIRE(chain);
  CHECK(chain->not_before() == kNow - 10h);
  CHECK(chain->not_after() == kNow + 50h);
  struct Row {
    std::chrono::sys_seconds now;
    std::string error;
  };
  const std::vector<Row> rows = {
      {kNow, ""},
      {kNow - 10h, ""},
      {kNow - 10h - 1s, "the issuer's chain: CN=root is not valid before 2026-11-23T10:00:00Z"},
      {kNow + 50h - 1s, ""},
      {kNow + 50h, "the issuer's chain: CN=issuer expired at 2026-11-25T22:00:00Z"},
  };
  for (const Row& row : rows) {
    const auto valid = chain->check_validity(row.now);
    CHECK((valid ? "" : valid.error()) == row.error);
  }
}

}  // namespace
}  // namespace signet
