#include "policy/decision_diff.h"

#include <catch2/catch.hpp>

#include "policy/request_sketch.h"

namespace signet {
namespace {

using std::chrono::hours;
using Verdict = Decision::Verdict;

RequestOutcome granted(const std::string& signer, std::chrono::seconds lifetime) {
  return {.verdict = Verdict::kGranted, .findings = {}, .signer = signer, .lifetime = lifetime};
}

RequestOutcome denied(const std::string& finding) {
  return {.verdict = Verdict::kDenied, .findings = {finding}, .signer = {}, .lifetime = {}};
}

ChangedDecision::Asked asked(const std::string& identity) {
  return {.identity = identity, .signer = "x/foo", .requester = "istiod", .name_space = {}};
}

TEST_CASE("Only what somebody would notice is a change") {
  const RequestOutcome day = granted("x/foo", hours(24));
  struct Case {
    std::string name;
    RequestOutcome after;
    bool changed;
  };
  const std::vector<Case> cases = {
      {"the same", day, false},
      {"denied", denied("NoTenant"), true},
      {"none of ours", {}, true},
      {"for less", granted("x/foo", hours(1)), true},
      {"by another", granted("x/bar", hours(24)), true},
  };
  for (const Case& c : cases) {
    DYNAMIC_SECTION(c.name) {
      CHECK(is_change(day, c.after) == c.changed);
      CHECK(is_change(c.after, day) == c.changed);
    }
  }
  CHECK_FALSE(is_change(denied("NoTenant"), denied("KeyNotAllowed")));
}

TEST_CASE("Equal changes are told together, the most frequent first, with their first and last time") {
  DecisionDiff diff;
  const RequestOutcome day = granted("x/foo", hours(24));
  diff.add(asked("b"), day, denied("NoTenant"), 2, "2026-11-23T11:00:00Z");
  diff.add(asked("a"), day, denied("NoTenant"), 2, "2026-11-23T10:00:00Z");
  diff.add(asked("c"), day, denied("NoTenant"), 1, "2026-11-23T10:00:00Z");
  diff.add(asked("c"), day, denied("NoTenant"), 3, "2026-11-23T12:00:00Z");
  diff.add(asked("c"), day, denied("NoTenant"), 1, "2026-11-23T09:00:00Z");
  diff.add(asked("c"), day, granted("x/foo", hours(1)), 1, "2026-11-23T10:00:00Z");
  std::string told;
  for (const ChangedDecision& change : diff.changes()) {
    told += change.asked.identity + " " + std::to_string(change.count) + " " + change.first + " " + change.last + "\n";
  }
  CHECK(told ==
        "c 5 2026-11-23T09:00:00Z 2026-11-23T12:00:00Z\n"
        "a 2 2026-11-23T10:00:00Z 2026-11-23T10:00:00Z\n"
        "b 2 2026-11-23T11:00:00Z 2026-11-23T11:00:00Z\n"
        "c 1 2026-11-23T10:00:00Z 2026-11-23T10:00:00Z\n");
  CHECK(diff.changed() == 10);
  CHECK(diff.untold() == 0);
}

TEST_CASE("Changes that differ beyond what is kept are counted") {
  DecisionDiff diff;
  const RequestOutcome day = granted("x/foo", hours(24));
  for (std::size_t i = 0; i < kMaxChangedDecisions + 3; ++i) {
    diff.add(asked(std::to_string(i)), day, denied("NoTenant"), 2, "2026-11-23T11:00:00Z");
  }
  diff.add(asked("0"), day, denied("NoTenant"), 1, "2026-11-23T11:00:00Z");
  CHECK(diff.changes().size() == kMaxChangedDecisions);
  CHECK(diff.changes().front().asked.identity == "0");
  CHECK(diff.untold() == 6);
  CHECK(diff.changed() == 2 * kMaxChangedDecisions + 7);
}

TEST_CASE("An outcome has what its user sees, made fit for a terminal and shortened") {
  PolicyModel model;
  model.signer_domain = "example.org";
  model.trust_domains = {"cluster.local"};
  model.requesters = {"istiod"};
  PolicyModel::Tenant foo;
  foo.name = "foo";
  foo.namespaces = {*NamePattern::parse("foo")};
  foo.signers = {"foo"};
  foo.certificate = {
      .keys = {KeyType::kEcdsaP256}, .usages = {Usage::kServerAuth}, .max_duration = hours(1), .out_of_bounds = {}};
  model.tenants = {foo};
  const Policy policy(model, "digest");
  RequestSketch sketch;
  sketch.identity = "spiffe://cluster.local/ns/foo/sa/app";
  sketch.signer = "foo";
  sketch.usages = {"server auth"};
  CHECK(outcome_under(policy, policy.evaluate(sketched_request(sketch, policy), KnownNamespaces())) ==
        granted("example.org/foo", hours(1)));

  Decision decision;
  decision.findings = {{Reason::kNoTenant, "\x1b[31m" + std::string(10'000, 'x')}};
  const RequestOutcome outcome = outcome_under(policy, decision);
  REQUIRE(outcome.findings.size() == 1);
  CHECK(outcome.findings[0].starts_with("signet: NoTenant: ?[31mxxx"));
  CHECK(outcome.findings[0].size() < 600);
}

}  // namespace
}  // namespace signet
