#include "signer/issue/ca_choice.h"

#include <catch2/catch.hpp>

#include "test/unit/issue/issue_fixture.h"

using namespace signet;
using namespace signet::test;

namespace {

using Found = tl::expected<Ca, CaProblems>;

Ca ca_of_root(const Issued& root) {
  auto ca =
      signet::ca_of("foo", "", TlsSecret{.tls_crt = root.pem(), .tls_key = private_pem(*root.key), .ca_crt = ""}, true);
  REQUIRE(ca);
  return *std::move(ca);
}

Found bad(const std::string& problem, bool transient = false) {
  return tl::unexpected(CaProblems{.problems = {problem}, .transient = transient});
}

/// Of one key: a CA, one that renews it, and certificates of it that are not valid now. Of another key: `other`.
struct Cas {
  Issued root = make_certificate(ca_spec("foo"), nullptr);
  Ca first = ca_of_root(root);
  Ca renewed = with_validity(-1, 700);
  Ca expired = with_validity(-10, -1);
  Ca early = with_validity(1, 10);
  Ca other = ca_of_root(make_certificate(ca_spec("foo"), nullptr));

  [[nodiscard]] Ca with_validity(int first_day, int last_day) const {
    CertificateSpec spec = ca_spec("foo");
    spec.not_before = kNow + std::chrono::days(first_day);
    spec.not_after = kNow + std::chrono::days(last_day);
    Issued issued = make_certificate(spec, root, *root.key);
    EVP_PKEY_up_ref(root.key.get());
    issued.key.reset(root.key.get());
    return ca_of_root(issued);
  }
};

}  // namespace

TEST_CASE("the key in force stays until the record names another, and its newest certificate is used") {
  const Cas cas;
  const Ca* const none = nullptr;
  struct Row {
    std::string name;
    Found source;
    std::optional<Found> in_use;
    const Ca* before;
    const Ca* in_force;  // null: nothing
    bool stages_other;
    std::vector<std::string> problems;
  };
  const std::string early = "signer \"foo\": the issuer's chain: CN=foo is not valid before 2026-11-24T20:00:00Z";
  const std::string over = "signer \"foo\": the issuer's chain: CN=foo expired at 2026-11-22T20:00:00Z";
  const std::string record_over =
      "signer \"foo\": the CA in use: the issuer's chain: CN=foo expired at 2026-11-22T20:00:00Z";
  const std::vector<Row> rows = {
      // At the start.
      {"the source alone", cas.first, {}, none, &cas.first, false, {}},
      {"a bad source alone", bad("bad"), {}, none, none, false, {"bad"}},
      {"an expired source alone", cas.expired, {}, none, none, false, {over}},
      {"a source that is not valid yet", cas.early, {}, none, none, false, {early}},
      {"source and record the same", cas.first, cas.first, none, &cas.first, false, {}},
      {"a source with another key than the record's", cas.other, cas.first, none, &cas.first, true, {}},
      {"a source that renews the record", cas.renewed, cas.first, none, &cas.renewed, false, {}},
      {"a source that renews an expired record", cas.renewed, cas.expired, none, &cas.renewed, false, {}},
      {"an expired record beside another key", cas.other, cas.expired, none, none, true, {record_over}},
      {"a bad source beside the record", bad("bad"), cas.first, none, &cas.first, false, {"bad"}},
      {"a bad record", cas.first, bad("bad record"), none, none, false, {"bad record"}},
      {"neither can be read", bad("bad"), bad("bad record"), none, none, false, {"bad", "bad record"}},
      // While it is served.
      {"nothing new", cas.first, {}, &cas.first, &cas.first, false, {}},
      {"the same key with another certificate", cas.renewed, {}, &cas.first, &cas.renewed, false, {}},
      {"another key", cas.other, {}, &cas.first, &cas.first, true, {}},
      {"a source that went bad", bad("bad"), {}, &cas.first, &cas.first, false, {"bad"}},
      {"a renewal that expired", cas.expired, {}, &cas.first, &cas.first, false, {over}},
      {"a renewal that is not valid yet", cas.early, {}, &cas.first, &cas.first, false, {early}},
      {"another key, and the record made of the one before", cas.other, cas.first, &cas.first, &cas.first, true, {}},
      {"the record activates the other key", cas.other, cas.other, &cas.first, &cas.other, false, {}},
      {"the record goes back, the source does not", cas.other, cas.first, &cas.other, &cas.first, true, {}},
      {"a bad source after its renewal, beside the older record",
       bad("bad"),
       cas.first,
       &cas.renewed,
       &cas.renewed,
       false,
       {"bad"}},
      {"a record that went bad", cas.other, bad("bad record"), &cas.first, &cas.first, true, {"bad record"}},
      {"a record that is gone", cas.other, {}, &cas.first, &cas.first, true, {}},
      {"all of the key expired", cas.other, {}, &cas.expired, none, true, {}},
  };
  for (const Row& row : rows) {
    INFO(row.name);
    const CaChoice choice = choose_ca("foo", {.source = row.source, .in_use = row.in_use}, row.before, kNow);
    CHECK((choice.in_force ? choice.in_force->chain.get() : nullptr) ==
          (row.in_force == nullptr ? nullptr : row.in_force->chain.get()));
    CHECK((choice.in_force ? choice.in_force->authority.get() : nullptr) ==
          (row.in_force == nullptr ? nullptr : row.in_force->authority.get()));
    CHECK((choice.staged != nullptr) == row.stages_other);
    CHECK((choice.staged == nullptr || choice.staged == cas.other.chain));
    CHECK(choice.problems == row.problems);
    CHECK(choice.is_kept == row.in_use.has_value());
  }
}

TEST_CASE("that the API server could not be asked is told as what may pass") {
  CHECK(choose_ca("foo", {.source = bad("no answer", true), .in_use = std::nullopt}, nullptr, kNow).transient);
  CHECK_FALSE(choose_ca("foo", {.source = bad("bad"), .in_use = std::nullopt}, nullptr, kNow).transient);
}

TEST_CASE("a CA ends when a fifth of its life or thirty days are left, and is over ten minutes before its end") {
  struct Row {
    const char* name;
    std::chrono::seconds life, left;
    CaLife expected;
  };
  using std::chrono::days;
  using std::chrono::hours;
  using std::chrono::minutes;
  using std::chrono::seconds;
  for (const Row& row :
       {Row{"a CA of 90 days when cert-manager renews it", days(90), days(30), CaLife::kLong},
        Row{"a CA of 90 days that was not renewed", days(90), days(18) - seconds(1), CaLife::kEnding},
        Row{"a CA of ten years, a month before", days(3650), days(30), CaLife::kLong},
        Row{"a CA of ten years, less than a month before", days(3650), days(30) - seconds(1), CaLife::kEnding},
        Row{"ten minutes before", hours(24), minutes(10), CaLife::kEnding},
        Row{"less than ten minutes before", hours(24), minutes(10) - seconds(1), CaLife::kOver},
        Row{"afterwards", hours(24), seconds(-1), CaLife::kOver}}) {
    INFO(row.name);
    CertificateSpec spec = ca_spec("foo");
    spec.not_after = kNow + row.left;
    spec.not_before = spec.not_after - row.life;
    const auto chain = IssuerChain::parse(make_certificate(spec, nullptr).pem(), "");
    REQUIRE(chain);
    CHECK(life_of(*chain, kNow) == row.expected);
  }
}
