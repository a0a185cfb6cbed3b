#include "signer/issue/serving_certificate.h"

#include <openssl/x509v3.h>

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "signer/issue/certificate_authority.h"
#include "signer/issue/self_signed_ca.h"
#include "signer/trust/certificate.h"
#include "test/unit/issue/issue_fixture.h"

using namespace signet;
using namespace signet::test;
using std::chrono::hours;

TEST_CASE("a serving certificate is for servers of one name, and its CA's for as long as that is valid") {
  const auto ca = make_self_signed_ca("serving", {.lifetime = hours(100)}, kNow);
  REQUIRE(ca);
  for (const auto& [lifetime, end] :
       {std::pair(hours(24), kNow + hours(24)), std::pair(hours(101), kNow + hours(100))}) {
    const auto made = make_serving_certificate("signet.signet-system.svc", *ca, lifetime, kNow);
    REQUIRE(made);
    const auto certificates = read_certificates(made->tls_crt);
    REQUIRE(certificates);
    X509* const leaf = certificates->front().x509.get();
    CHECK(made->ca_crt == ca->tls_crt);
    CHECK(not_before(certificates->front()) == kNow - kBackdate);
    CHECK(not_after(certificates->front()) == end);
    CHECK(X509_check_host(leaf, "signet.signet-system.svc", 0, X509_CHECK_FLAG_NO_WILDCARDS, nullptr) == 1);
    CHECK(X509_get_key_usage(leaf) == KU_DIGITAL_SIGNATURE);
    CHECK(X509_get_extended_key_usage(leaf) == XKU_SSL_SERVER);
  }
}

TEST_CASE("a CA that cannot sign now makes no serving certificate") {
  const TlsSecret good = *make_self_signed_ca("serving", {.lifetime = hours(1)}, kNow);
  const TlsSecret other = *make_self_signed_ca("serving", {.lifetime = hours(1)}, kNow);
  struct Row {
    std::string name;
    TlsSecret ca;
    std::chrono::sys_seconds now;
    std::string error;
  };
  const std::vector<Row> rows = {
      {"another's key", {.tls_crt = good.tls_crt, .tls_key = other.tls_key, .ca_crt = ""}, kNow, "the CA's key is not"},
      {"no certificate", {.tls_crt = "", .tls_key = good.tls_key, .ca_crt = ""}, kNow, "the CA's certificate: "},
      {"no key", {.tls_crt = good.tls_crt, .tls_key = "", .ca_crt = ""}, kNow, "the CA's key: "},
      {"expired", good, kNow + hours(2), ""},
  };
  for (const Row& row : rows) {
    INFO(row.name);
    const auto made = make_serving_certificate("a", row.ca, hours(1), row.now);
    REQUIRE_FALSE(made);
    CHECK_THAT(made.error(), Catch::Matchers::StartsWith(row.error));
  }
}
