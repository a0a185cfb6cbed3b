#include "tools/signet/serving/serving_choice.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "test/unit/issue/issue_fixture.h"
#include "test/unit/trust/certificate_maker.h"

using namespace signet;
using namespace signet::test;

namespace {

using Kind = ServingChoice::Outcome::Kind;
using namespace std::chrono_literals;

TlsIdentity identity_valid(std::chrono::sys_seconds not_before, std::chrono::sys_seconds not_after) {
  CertificateSpec spec{.common_name = "signet", .extensions = {}};
  spec.not_before = not_before;
  spec.not_after = not_after;
  const Issued made = make_certificate(spec, nullptr);
  return {.certificate_pem = made.pem(), .key_pem = private_pem(*made.key)};
}

TlsIdentity good_identity() { return identity_valid(kNow - 1h, kNow + 1h); }

/// What is shown, and a choice of it.
struct Shown {
  TlsIdentity identity = good_identity();
  bool refuses = false;

  ServingChoice choice() {
    return {identity, [this](const TlsIdentity& next) -> tl::expected<void, std::string> {
              if (refuses) return tl::unexpected<std::string>("no memory");
              identity = next;
              return {};
            }};
  }
};

}  // namespace

TEST_CASE("what the files hold is shown, or what is in use stays and the problem is told") {
  const TlsIdentity other = good_identity();
  const TlsIdentity third = good_identity();
  const FileWatch::Text gone = tl::unexpected<std::string>("tls.crt: No such file or directory");
  const FileWatch::Text locked = tl::unexpected<std::string>("tls.key: Permission denied");
  const TlsIdentity expired = identity_valid(kNow - 2h, kNow - 1s);
  const TlsIdentity last_second = identity_valid(kNow - 2h, kNow);
  const TlsIdentity first_second = identity_valid(kNow, kNow + 1h);
  const TlsIdentity early = identity_valid(kNow + 1s, kNow + 1h);
  struct Row {
    std::string name;
    FileWatch::Text certificate;
    FileWatch::Text key;
    std::string problem;  ///< empty: taken
  };
  const std::vector<Row> rows = {
      {"another pair", other.certificate_pem, other.key_pem, ""},
      {"with its issuer behind it", other.certificate_pem + third.certificate_pem, other.key_pem, ""},
      {"in its last second", last_second.certificate_pem, last_second.key_pem, ""},
      {"in its first second", first_second.certificate_pem, first_second.key_pem, ""},
      {"a certificate without its key yet", other.certificate_pem, third.key_pem, "TLS key: key values mismatch"},
      {"a certificate cut off", other.certificate_pem.substr(0, other.certificate_pem.size() / 2), other.key_pem,
       "TLS certificate 1: "},
      {"a key cut off", other.certificate_pem, other.key_pem.substr(0, other.key_pem.size() / 2),
       "TLS key: not an unencrypted private key in PEM"},
      {"nothing in the certificate's file", "", other.key_pem, "TLS certificate: no PEM block CERTIFICATE in it"},
      {"nothing in the key's file", other.certificate_pem, "", "TLS key: not an unencrypted private key in PEM"},
      {"the files in each other's place", other.key_pem, other.certificate_pem,
       "TLS certificate: no PEM block CERTIFICATE in it"},
      {"no certificate", gone, other.key_pem, "tls.crt: No such file or directory"},
      {"no key", other.certificate_pem, locked, "tls.key: Permission denied"},
      {"neither", gone, locked, "tls.crt: No such file or directory"},
      {"expired", expired.certificate_pem, expired.key_pem, "the certificate expired at 2026-11-23T19:59:59Z"},
      {"not valid yet", early.certificate_pem, early.key_pem,
       "the certificate is not valid before 2026-11-23T20:00:01Z"},
  };
  for (const Row& row : rows) {
    INFO(row.name);
    Shown shown;
    const std::string before = shown.identity.certificate_pem;
    ServingChoice choice = shown.choice();
    const auto outcome = choice.offer({row.certificate, row.key}, false, kNow);
    INFO(outcome.problem);
    CHECK(outcome.kind == (row.problem.empty() ? Kind::kTaken : Kind::kNotTaken));
    CHECK(outcome.period.has_value() == row.problem.empty());
    CHECK(outcome.problem.starts_with(row.problem));
    CHECK(outcome.problem.empty() == row.problem.empty());
    CHECK(shown.identity.certificate_pem == (row.problem.empty() ? *row.certificate : before));
  }
}

TEST_CASE("what is taken tells when it is valid") {
  Shown shown;
  ServingChoice choice = shown.choice();
  const TlsIdentity other = identity_valid(kNow - 3h, kNow + 5h);
  const auto outcome = choice.offer({other.certificate_pem, other.key_pem}, false, kNow);
  REQUIRE(outcome.period);
  CHECK(outcome.period->not_before == kNow - 3h);
  CHECK(outcome.period->not_after == kNow + 5h);
}

TEST_CASE("a pair that is not taken is told once, to who asks again, and when it is another") {
  Shown shown;
  ServingChoice choice = shown.choice();
  const TlsIdentity other = good_identity();
  const TlsIdentity in_use = shown.identity;
  CHECK(choice.offer({other.certificate_pem, in_use.key_pem}, false, kNow).kind == Kind::kNotTaken);
  CHECK(choice.offer({other.certificate_pem, in_use.key_pem}, false, kNow).kind == Kind::kNothingNew);
  CHECK(choice.offer({other.certificate_pem, in_use.key_pem}, true, kNow).kind == Kind::kNotTaken);
  CHECK(choice.offer({in_use.certificate_pem, other.key_pem}, false, kNow).kind == Kind::kNotTaken);
  CHECK(choice.offer({in_use.certificate_pem, in_use.key_pem}, false, kNow).kind == Kind::kBack);
  CHECK(choice.offer({in_use.certificate_pem, in_use.key_pem}, false, kNow).kind == Kind::kNothingNew);
  CHECK(choice.offer({in_use.certificate_pem, in_use.key_pem}, true, kNow).kind == Kind::kNothingNew);
  CHECK(choice.offer({other.certificate_pem, in_use.key_pem}, false, kNow).kind == Kind::kNotTaken);
  CHECK(choice.offer({other.certificate_pem, other.key_pem}, false, kNow).kind == Kind::kTaken);
  CHECK(choice.offer({other.certificate_pem, other.key_pem}, false, kNow).kind == Kind::kNothingNew);
}

TEST_CASE("what the front does not take is not in use") {
  Shown shown{.identity = good_identity(), .refuses = true};
  ServingChoice choice = shown.choice();
  const TlsIdentity other = good_identity();
  CHECK(choice.offer({other.certificate_pem, other.key_pem}, false, kNow).problem == "no memory");
  shown.refuses = false;
  CHECK(choice.offer({other.certificate_pem, other.key_pem}, false, kNow).kind == Kind::kTaken);
}

TEST_CASE("client CAs are the identity's, and no file opens the door to everybody") {
  const std::string authority = make_certificate(ca_spec("clients"), nullptr).pem();
  const std::string other = make_certificate(ca_spec("others"), nullptr).pem();
  struct Row {
    std::string name;
    FileWatch::Text client_ca;
    std::string problem;  ///< empty: taken
  };
  const std::vector<Row> rows = {
      {"another", other, ""},
      {"another beside the one before", authority + other, ""},
      {"an empty file", "", "client CA: the file is empty"},
      {"an empty line", "\n", "client CA: "},
      {"half a certificate", other.substr(0, other.size() / 2), "client CA: "},
      {"no file", tl::unexpected<std::string>("ca.crt: No such file or directory"),
       "ca.crt: No such file or directory"},
  };
  for (const Row& row : rows) {
    INFO(row.name);
    Shown shown;
    shown.identity.client_ca_pem = authority;
    const TlsIdentity before = shown.identity;
    ServingChoice choice = shown.choice();
    const ServingTexts same{before.certificate_pem, before.key_pem, authority};
    CHECK(choice.offer(same, false, kNow).kind == Kind::kNothingNew);
    const ServingTexts texts{before.certificate_pem, before.key_pem, row.client_ca};
    const auto outcome = choice.offer(texts, false, kNow);
    INFO(outcome.problem);
    CHECK(outcome.kind == (row.problem.empty() ? Kind::kTaken : Kind::kNotTaken));
    CHECK(outcome.problem.starts_with(row.problem));
    CHECK(shown.identity.client_ca_pem == (row.problem.empty() ? *row.client_ca : authority));
    CHECK(choice.offer(same, false, kNow).kind == (row.problem.empty() ? Kind::kTaken : Kind::kBack));
  }
}

TEST_CASE("a certificate that is not valid yet is due when it is") {
  Shown shown;
  ServingChoice choice = shown.choice();
  const TlsIdentity early = identity_valid(kNow + 10s, kNow + 1h);
  CHECK_FALSE(choice.is_due(kNow));
  CHECK(choice.offer({early.certificate_pem, early.key_pem}, false, kNow).kind == Kind::kNotTaken);
  CHECK_FALSE(choice.is_due(kNow + 9s));
  CHECK(choice.is_due(kNow + 10s));
  CHECK(choice.offer({early.certificate_pem, early.key_pem}, false, kNow + 10s).kind == Kind::kTaken);
  CHECK_FALSE(choice.is_due(kNow + 1h));
}

TEST_CASE("readiness tells a certificate that nobody takes, and files that were not taken") {
  const ServingPeriod period{.not_before = kNow, .not_after = kNow + 1h};
  struct Row {
    std::string name;
    bool last_taken;
    std::chrono::sys_seconds now;
    std::string problem, note;
  };
  const std::string note = "another was not taken; the log says why";
  const std::vector<Row> rows = {
      {"in order", true, kNow, "", ""},
      {"in its last second", true, kNow + 1h, "", ""},
      {"other files", false, kNow, "", note},
      {"expired", true, kNow + 1h + 1s, "the certificate expired at 2026-11-23T21:00:00Z", ""},
      {"not valid yet", true, kNow - 1s, "the certificate is not valid before 2026-11-23T20:00:00Z", ""},
      {"expired, and what followed was not taken", false, kNow + 2h, "the certificate expired at 2026-11-23T21:00:00Z",
       note},
  };
  for (const Row& row : rows) {
    INFO(row.name);
    const ReadinessCheck check = serving_check({.period = period, .last_taken = row.last_taken}, row.now);
    CHECK(check.name == "serving-certificate");
    CHECK(check.problem == row.problem);
    CHECK(check.note == row.note);
  }
}
