#include "tools/signet/serving/serving_secret.h"

#include <openssl/x509v3.h>

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "signer/issue/certificate_authority.h"
#include "test/unit/reload/serving_material.h"

using namespace signet;
using namespace signet::test;

namespace {

using namespace std::chrono_literals;

constexpr std::chrono::hours kDay = 24h;

Issued young_ca() { return serving_ca(kNow - kDay, kNow + 100 * kDay); }
Issued due_ca() { return serving_ca(kNow - 200 * kDay, kNow + 100 * kDay); }
Issued expired_ca() { return serving_ca(kNow - 200 * kDay, kNow - 1s); }

ServingMaterial young(const Issued& ca, const std::string& others = "") {
  return material(ca, others, ca, kNow - 59 * kDay, kNow + 31 * kDay);
}

}  // namespace

TEST_CASE("new serving material is a CA and a certificate of it for the name alone") {
  const auto made = new_serving_material(kServingName, kNow);
  REQUIRE(made);
  const auto authorities = certificates_of(made->ca_crt);
  const auto chain = certificates_of(made->tls_crt);
  REQUIRE(authorities.size() == 1);
  REQUIRE(chain.size() == 1);
  X509* const leaf = chain.front().x509.get();
  CHECK(has_signed(authorities.front(), chain.front()));
  CHECK(not_after(authorities.front()) == kNow + kServingCaLifetime);
  CHECK(not_before(chain.front()) == kNow - kBackdate);
  CHECK(not_after(chain.front()) == kNow + kServingLifetime);
  CHECK(X509_check_host(leaf, kServingName, 0, 0, nullptr) == 1);
  CHECK(X509_check_host(leaf, "signet.foo.svc", 0, 0, nullptr) == 0);
  CHECK(X509_get_extended_key_usage(leaf) == XKU_SSL_SERVER);
  CHECK((X509_get_extension_flags(leaf) & EXFLAG_CA) == 0);
  const auto again = renewed_serving_material(*made, kServingName, false, kNow);
  REQUIRE(again);
  CHECK_FALSE(again->has_value());
}

TEST_CASE("what is due is renewed, and nothing that clients do not trust yet is shown") {
  const Issued ca = young_ca();
  const Issued before = serving_ca(kNow - 60 * kDay, kNow + 200 * kDay);
  const Issued due = due_ca();
  const Issued expired = expired_ca();
  const Issued stranger = young_ca();
  struct Row {
    std::string name;
    ServingMaterial held;
    bool clients_trust_all;
    bool new_leaf;
    std::size_t authorities;  ///< afterwards
    bool new_ca;
  };
  const auto leaf_days = [](const Issued& first, const std::string& others, const Issued& signer, int past, int left) {
    return material(first, others, signer, kNow - past * kDay, kNow + left * kDay);
  };
  const std::vector<Row> rows = {
      {"all young", young(ca), false, false, 1, false},
      {"a certificate of which two thirds are over", leaf_days(ca, "", ca, 60, 30), false, true, 1, false},
      {"one that expired", leaf_days(ca, "", ca, 90, -1), false, true, 1, false},
      {"one for another name", material(ca, "", ca, kNow - kDay, kNow + 90 * kDay, "signet.foo.svc"), false, true, 1,
       false},
      {"one of no CA", leaf_days(ca, "", stranger, 1, 90), false, true, 1, false},
      {"a CA that is due", young(due), false, false, 2, true},
      {"a CA and a certificate that are due", leaf_days(due, "", due, 60, 30), true, false, 2, true},
      {"a CA that is due, and a certificate that expired", leaf_days(due, "", due, 90, -1), false, true, 2, true},
      {"a CA that expired", young(expired), false, true, 1, true},
      {"of the CA before, young", leaf_days(ca, before.pem(), before, 1, 90), true, false, 2, false},
      {"of the CA before, due, not trusted yet", leaf_days(ca, before.pem(), before, 60, 30), false, false, 2, false},
      {"of the CA before, due, trusted", leaf_days(ca, before.pem(), before, 60, 30), true, true, 2, false},
      {"of the CA before, expired, not trusted yet", leaf_days(ca, before.pem(), before, 90, -1), false, true, 2,
       false},
      {"a CA before that expired", young(ca, expired.pem()), false, false, 1, false},
  };
  for (const Row& row : rows) {
    INFO(row.name);
    const auto renewed = renewed_serving_material(row.held, kServingName, row.clients_trust_all, kNow);
    INFO((renewed ? "" : renewed.error()));
    REQUIRE(renewed);
    const ServingMaterial next = renewed->value_or(row.held);
    const auto authorities = certificates_of(next.ca_crt);
    const auto leaf = certificates_of(next.tls_crt);
    CHECK(authorities.size() == row.authorities);
    CHECK((next.ca_key != row.held.ca_key) == row.new_ca);
    CHECK((next.tls_crt != row.held.tls_crt) == row.new_leaf);
    if (row.new_leaf) {
      CHECK(has_signed(authorities.front(), leaf.front()));
      CHECK(next.tls_key != row.held.tls_key);
    }
    // What is kept next is in order.
    const auto again = renewed_serving_material(next, kServingName, false, kNow);
    REQUIRE(again);
    CHECK((!again->has_value() || row.clients_trust_all));
  }
}

TEST_CASE("a certificate does not outlive its CA") {
  const Issued ca = serving_ca(kNow - 10 * kDay, kNow + 20 * kDay);
  const auto renewed =
      renewed_serving_material(material(ca, "", ca, kNow - 2 * kDay, kNow + 1h), kServingName, false, kNow);
  REQUIRE(renewed);
  REQUIRE(renewed->has_value());
  CHECK(not_after(certificates_of((*renewed)->tls_crt).front()) == kNow + 20 * kDay);
}

TEST_CASE("what is not serving material is told, not replaced") {
  const Issued ca = young_ca();
  const ServingMaterial good = young(ca);
  const auto with = [&](std::string ServingMaterial::*part, const std::string& text) {
    ServingMaterial changed = good;
    changed.*part = text;
    return changed;
  };
  struct Row {
    std::string name;
    ServingMaterial held;
    std::string error;
  };
  const std::vector<Row> rows = {
      {"no CA", with(&ServingMaterial::ca_crt, ""), "ca.crt: "},
      {"half a CA", with(&ServingMaterial::ca_crt, good.ca_crt.substr(0, 100)), "ca.crt: "},
      {"no key of the CA", with(&ServingMaterial::ca_key, ""), "ca.key: "},
      {"another key of the CA", with(&ServingMaterial::ca_key, good.tls_key), "ca.key is not the key of the first"},
      {"no certificate", with(&ServingMaterial::tls_crt, ""), "tls.crt and tls.key: "},
      {"another key", with(&ServingMaterial::tls_key, good.ca_key), "tls.crt and tls.key: TLS key: "},
  };
  for (const Row& row : rows) {
    INFO(row.name);
    const auto renewed = renewed_serving_material(row.held, kServingName, true, kNow);
    REQUIRE_FALSE(renewed);
    CHECK_THAT(renewed.error(), Catch::Matchers::StartsWith(row.error));
    CHECK(renewed.error().find("PRIVATE") == std::string::npos);
  }
}
