#include "tools/signet/metrics/metrics.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <fstream>
#include <iterator>
#include <sstream>
#include <utility>
#include <vector>

#include "policy/policy_loader.h"
#include "tools/signet/metrics/counted_audit_log.h"

using namespace signet;

namespace {

using Outcome = ReconcileResult::Outcome;

const Policy& policy() {
  static const Policy loaded = [] {
    std::ifstream file(SIGNET_TESTDATA "/policy.yaml");
    auto model = load_policy(std::string(std::istreambuf_iterator<char>(file), {}), "policy.yaml");
    REQUIRE(model);
    return Policy(std::move(*model), "digest-of-the-policy");
  }();
  return loaded;
}

constexpr std::chrono::system_clock::time_point kStart{std::chrono::seconds(1'800'000'000)};

/// The lines of samples, without the comments.
std::vector<std::string> samples(const Metrics& metrics, const MetricReadings& readings = {}) {
  std::istringstream text(metrics.text(readings));
  std::vector<std::string> lines;
  for (std::string line; std::getline(text, line);) {
    if (!line.starts_with('#')) lines.push_back(line);
  }
  return lines;
}

bool has(const std::vector<std::string>& lines, const std::string& line) {
  return std::ranges::find(lines, line) != lines.end();
}

AuditRecord review(const std::string& object, const std::string& decision, const std::string& reason) {
  AuditRecord record;
  record.object = object;
  record.decision = decision;
  record.reason = reason;
  record.duration = std::chrono::microseconds(120);
  return record;
}

AuditRecord issuance(AuditRecord::Event event, const std::string& signer_name) {
  AuditRecord record;
  record.event = event;
  record.signer_granted = signer_name;
  return record;
}

ReconcileResult ended(Outcome outcome) {
  return {.outcome = outcome, .message = "", .retry_after = {}, .unsettled = false};
}

class FailingLog final : public AuditLog {
 public:
  tl::expected<void, std::string> append(const AuditRecord&) override {
    return tl::unexpected(std::string("disk full"));
  }
  void append_eventually(const AuditRecord&) override {}
  [[nodiscard]] std::string problem() const override { return "disk full"; }
};

}  // namespace

TEST_CASE("a review counts by kind, decision and reason") {
  struct Row {
    std::string object, decision, reason, labels;
  };
  const std::vector<Row> rows = {
      {"", "granted", "", R"(decision="granted",kind="CertificateSigningRequest",reason="")"},
      {"", "patched", "", R"(decision="patched",kind="CertificateSigningRequest",reason="")"},
      {"", "denied", "SignerNotAllowed",
       R"(decision="denied",kind="CertificateSigningRequest",reason="SignerNotAllowed")"},
      {"", "denied", "RequestMalformed",
       R"(decision="denied",kind="CertificateSigningRequest",reason="RequestMalformed")"},
      {"", "denied", "CertificateNotAllowed",
       R"(decision="denied",kind="CertificateSigningRequest",reason="CertificateNotAllowed")"},
      {"Pod foo/app-0", "denied", "SignerNotAllowed", R"(decision="denied",kind="Pod",reason="SignerNotAllowed")"},
      {"ProxyConfig foo/x", "patched", "", R"(decision="patched",kind="ProxyConfig",reason="")"},
      {"CertificateRequest foo/x", "granted", "", R"(decision="granted",kind="CertificateRequest",reason="")"},
      {"Namespace foo", "granted", "", R"(decision="granted",kind="Namespace",reason="")"},
      {"Secret foo/x", "denied", "RequestMalformed", R"(decision="denied",kind="other",reason="RequestMalformed")"},
      {"Pod", "denied", "NoSuchReason", R"(decision="denied",kind="Pod",reason="other")"},
  };
  for (const Row& row : rows) {
    Metrics metrics(policy(), kStart);
    const std::string name = "signet_reviews_total{" + row.labels + "} ";
    INFO(name);
    CHECK(has(samples(metrics), name + "0"));
    metrics.count_review(review(row.object, row.decision, row.reason));
    metrics.count_review(review(row.object, row.decision, row.reason));
    const auto after = samples(metrics);
    CHECK(has(after, name + "2"));
    CHECK(std::ranges::count_if(after, [](const std::string& line) {
            return line.starts_with("signet_reviews_total") && !line.ends_with(" 0");
          }) == 1);
  }
}

TEST_CASE("the time of a review counts with its kind") {
  Metrics metrics(policy(), kStart);
  metrics.count_review(review("Pod foo/app", "granted", ""));
  const auto after = samples(metrics);
  CHECK(has(after, R"(signet_review_duration_seconds_bucket{kind="Pod",le="0.0001"} 0)"));
  CHECK(has(after, R"(signet_review_duration_seconds_bucket{kind="Pod",le="0.00025"} 1)"));
  CHECK(has(after, R"(signet_review_duration_seconds_count{kind="Pod"} 1)"));
  CHECK(has(after, R"(signet_review_duration_seconds_count{kind="ProxyConfig"} 0)"));
}

TEST_CASE("nothing that a request says makes a time series") {
  Metrics metrics(policy(), kStart);
  const auto before = samples(metrics).size();
  for (int i = 0; i < 100; ++i) {
    const std::string strange = "x" + std::to_string(i) + "\"\n";
    metrics.count_review(review(strange + " foo/bar", strange, strange));
    metrics.count_review(review("", "denied", strange));
    metrics.count_issuance_record(issuance(AuditRecord::Event::kPublished, strange), true);
    metrics.count_issuance_record(issuance(AuditRecord::Event::kDiscarded, strange), true);
    metrics.count_reconcile(strange, ended(Outcome::kFailed), std::chrono::seconds(1));
  }
  const auto after = samples(metrics);
  CHECK(after.size() == before);
  CHECK(has(after, R"(signet_reviews_total{decision="denied",kind="other",reason="other"} 100)"));
  CHECK(has(after, R"(signet_certificates_total{result="published",signer="other"} 100)"));
  CHECK(has(after, R"(signet_certificates_total{result="discarded",signer="other"} 100)"));
  CHECK(has(after, R"(signet_certificates_total{result="failed",signer="other"} 100)"));
}

TEST_CASE("certificates count by signer and by what became of them") {
  Metrics metrics(policy(), kStart);
  const std::string foo = policy().signer_name("foo");
  const std::string bar = policy().signer_name("bar");
  for (const auto event : {AuditRecord::Event::kIssued, AuditRecord::Event::kPublished}) {
    metrics.count_issuance_record(issuance(event, foo), true);
  }
  for (const auto event : {AuditRecord::Event::kIssued, AuditRecord::Event::kDiscarded}) {
    metrics.count_issuance_record(issuance(event, bar), true);
  }
  metrics.count_reconcile(foo, ended(Outcome::kPublished), std::chrono::milliseconds(30));
  metrics.count_reconcile(bar, ended(Outcome::kFailed), std::chrono::milliseconds(30));
  metrics.count_reconcile(bar, ended(Outcome::kRetry), std::chrono::milliseconds(30));
  const auto after = samples(metrics);
  CHECK(has(after, R"(signet_certificates_total{result="published",signer="foo"} 1)"));
  CHECK(has(after, R"(signet_certificates_total{result="discarded",signer="foo"} 0)"));
  CHECK(has(after, R"(signet_certificates_total{result="failed",signer="foo"} 0)"));
  CHECK(has(after, R"(signet_certificates_total{result="published",signer="bar"} 0)"));
  CHECK(has(after, R"(signet_certificates_total{result="discarded",signer="bar"} 1)"));
  CHECK(has(after, R"(signet_certificates_total{result="failed",signer="bar"} 1)"));
  CHECK(has(after, R"(signet_issuance_duration_seconds_bucket{le="0.025"} 0)"));
  CHECK(has(after, R"(signet_issuance_duration_seconds_bucket{le="0.05"} 1)"));
  CHECK(has(after, "signet_issuance_duration_seconds_count 1"));
}

TEST_CASE("looks at requests that wait for their tenant's quota count by tenant") {
  Metrics metrics(policy(), kStart);
  const auto before = samples(metrics);
  for (const char* tenant : {"foo", "foo", "bar", "of a later policy"}) {
    ReconcileResult result = ended(Outcome::kThrottled);
    result.throttled = {.tenant = tenant, .wait = std::chrono::seconds(1)};
    metrics.count_reconcile(policy().signer_name("foo"), result, std::chrono::seconds(1));
  }
  const auto after = samples(metrics);
  CHECK(after.size() == before.size());
  CHECK(has(after, R"(signet_throttled_total{tenant="foo"} 2)"));
  CHECK(has(after, R"(signet_throttled_total{tenant="bar"} 1)"));
  CHECK(has(after, R"(signet_throttled_total{tenant="mesh"} 0)"));
  CHECK(has(after, R"(signet_throttled_total{tenant="other"} 1)"));
  CHECK(has(after, R"(signet_certificates_total{result="failed",signer="foo"} 0)"));
}

TEST_CASE("the signers of a policy that is taken later count by their own names, and those before go on") {
  Metrics metrics(policy(), kStart);
  const std::string foo = policy().signer_name("foo");
  const std::string baz = policy().signer_name("baz");
  metrics.count_issuance_record(issuance(AuditRecord::Event::kPublished, foo), true);
  metrics.count_issuance_record(issuance(AuditRecord::Event::kPublished, baz), true);
  PolicyModel model = policy().model();
  model.tenants = {model.tenants[1]};
  model.tenants[0].name = "baz";
  model.tenants[0].signers = {"baz"};
  metrics.add_names_of(Policy(std::move(model), "another"));
  metrics.count_issuance_record(issuance(AuditRecord::Event::kPublished, foo), true);
  metrics.count_issuance_record(issuance(AuditRecord::Event::kPublished, baz), true);
  metrics.count_reconcile(baz, ended(Outcome::kFailed), std::chrono::milliseconds(30));
  const auto after = samples(metrics);
  CHECK(has(after, R"(signet_certificates_total{result="published",signer="foo"} 2)"));
  CHECK(has(after, R"(signet_certificates_total{result="published",signer="other"} 1)"));
  CHECK(has(after, R"(signet_certificates_total{result="published",signer="baz"} 1)"));
  CHECK(has(after, R"(signet_certificates_total{result="failed",signer="baz"} 1)"));
  CHECK(has(after, R"(signet_throttled_total{tenant="baz"} 0)"));
}

TEST_CASE("the issuance log's records count as written or failed") {
  Metrics metrics(policy(), kStart);
  FailingLog failing;
  CountedAuditLog log(failing, metrics);
  CHECK(log.append(issuance(AuditRecord::Event::kIssued, policy().signer_name("foo"))).error() == "disk full");
  log.append_eventually(issuance(AuditRecord::Event::kPublished, policy().signer_name("foo")));
  CHECK(log.problem() == "disk full");
  const auto after = samples(metrics);
  CHECK(has(after, R"(signet_audit_records_total{log="issuance",result="failed"} 1)"));
  CHECK(has(after, R"(signet_audit_records_total{log="issuance",result="written"} 1)"));
  CHECK(has(after, R"(signet_certificates_total{result="published",signer="foo"} 1)"));
}

TEST_CASE("readings are told, and what is absent is left out") {
  const Metrics metrics(policy(), kStart);
  const auto bare = samples(metrics);
  const auto full =
      samples(metrics, {.policy = MetricReadings::PolicyState{.digest = "d1",
                                                              .loaded = kStart + std::chrono::milliseconds(1500),
                                                              .taken = 12,
                                                              .not_taken = 13,
                                                              .last_taken = false},
                        .signing = MetricReadings::Signing{.queue = {.waiting = 3, .working = 2},
                                                           .watch_age = std::chrono::milliseconds(1500),
                                                           .unsettled = 1,
                                                           .leader = false,
                                                           .is_log_good = false},
                        .connections = FrontCounts{.handshaking = 1,
                                                   .idle = 2,
                                                   .reading = 3,
                                                   .writing = 4,
                                                   .lingering = 5,
                                                   .accepted = 60,
                                                   .accept_failures = 7,
                                                   .closed_for_room = 8,
                                                   .expired = 9},
                        .serving_not_after = std::chrono::sys_seconds(std::chrono::seconds(1850000000)),
                        .reviews_dropped = 11,
                        .cas = {{"foo",
                                 {.not_after = std::chrono::sys_seconds(std::chrono::seconds(1900000000)),
                                  .is_staged = true,
                                  .is_source_good = false}}}});
  const std::vector<std::string> expected = {
      R"(signet_policy_info{digest="d1"} 1)",
      R"(signet_policy_loaded_timestamp_seconds 1800000001.5)",
      R"(signet_policy_reloads_total{result="success"} 12)",
      R"(signet_policy_reloads_total{result="failure"} 13)",
      R"(signet_policy_last_reload_successful 0)",
      R"(signet_queue_depth{state="waiting"} 3)",
      R"(signet_queue_depth{state="working"} 2)",
      R"(signet_watch_age_seconds 1.5)",
      R"(signet_certificates_unsettled 1)",
      R"(signet_issuance_log_good 0)",
      R"(signet_leader 0)",
      R"(signet_connections{state="handshaking"} 1)",
      R"(signet_connections{state="idle"} 2)",
      R"(signet_connections{state="reading"} 3)",
      R"(signet_connections{state="writing"} 4)",
      R"(signet_connections{state="lingering"} 5)",
      R"(signet_connections_total{outcome="accepted"} 60)",
      R"(signet_connections_total{outcome="accept_failed"} 7)",
      R"(signet_connections_total{outcome="closed_for_room"} 8)",
      R"(signet_connections_total{outcome="expired"} 9)",
      R"(signet_serving_certificate_not_after_timestamp_seconds 1850000000)",
      R"(signet_audit_records_total{log="reviews",result="dropped"} 11)",
      R"(signet_ca_not_after_timestamp_seconds{signer="foo"} 1900000000)",
      R"(signet_ca_staged{signer="foo"} 1)",
      R"(signet_ca_source_good{signer="foo"} 0)",
  };
  for (const std::string& line : expected) {
    INFO(line);
    CHECK(has(full, line));
  }
  CHECK(full.size() == bare.size() + expected.size());
}

TEST_CASE("version and start are told") {
  const auto lines = samples(Metrics(policy(), kStart));
  CHECK(has(lines, "process_start_time_seconds 1800000000"));
  CHECK(std::ranges::any_of(lines, [](const std::string& line) {
    return line.starts_with("signet_build_info{version=\"") && line.ends_with("\"} 1");
  }));
}
