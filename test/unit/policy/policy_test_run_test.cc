#include "policy/policy_test_run.h"

#include <catch2/catch.hpp>
#include <fstream>
#include <sstream>

#include "policy/policy_loader.h"

namespace signet {
namespace {

using Verdict = Decision::Verdict;

Policy make_policy() {
  std::ifstream file(SIGNET_TESTDATA "/policy.yaml", std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  auto model = load_policy(text.str(), "policy.yaml");
  REQUIRE(model);
  return Policy(*std::move(model), "digest");
}

RequestSketch workload(std::string signer) {
  RequestSketch sketch;
  sketch.identity = "spiffe://cluster.local/ns/foo/sa/app";
  sketch.signer = std::move(signer);
  return sketch;
}

TEST_CASE("An outcome meets what is expected of it, no less and no more") {
  CaseOutcome granted;
  granted.verdict = Verdict::kGranted;
  granted.lifetime = std::chrono::hours(24);
  granted.granted_signer = "foo";
  CaseOutcome denied;
  denied.verdict = Verdict::kDenied;
  denied.reasons = {Reason::kSignerNotAllowed, Reason::kKeyNotAllowed};

  struct Case {
    std::string name;
    CaseOutcome outcome;
    Expectation expected;
    bool met;
  };
  const auto expect = [](Verdict verdict, std::vector<Reason> reasons = {},
                         std::optional<std::chrono::seconds> lifetime = std::nullopt,
                         std::optional<std::string> signer = std::nullopt) {
    return Expectation{.verdict = verdict, .reasons = std::move(reasons), .lifetime = lifetime, .signer = signer};
  };
  const std::vector<Case> cases = {
      {"granted", granted, expect(Verdict::kGranted), true},
      {"granted, not denied", granted, expect(Verdict::kDenied, {Reason::kNoTenant}), false},
      {"granted, not passed", granted, expect(Verdict::kNotOurs), false},
      {"granted for so long", granted, expect(Verdict::kGranted, {}, std::chrono::hours(24)), true},
      {"granted for longer", granted, expect(Verdict::kGranted, {}, std::chrono::hours(23)), false},
      {"granted by the signer", granted, expect(Verdict::kGranted, {}, {}, "foo"), true},
      {"granted by another", granted, expect(Verdict::kGranted, {}, {}, "bar"), false},
      {"denied, in another order", denied,
       expect(Verdict::kDenied, {Reason::kKeyNotAllowed, Reason::kSignerNotAllowed}), true},
      {"denied for more", denied, expect(Verdict::kDenied, {Reason::kSignerNotAllowed}), false},
      {"denied for less", denied,
       expect(Verdict::kDenied, {Reason::kKeyNotAllowed, Reason::kSignerNotAllowed, Reason::kNoTenant}), false},
      {"denied, not granted", denied, expect(Verdict::kGranted), false},
  };
  for (const Case& c : cases) {
    DYNAMIC_SECTION(c.name) { CHECK(meets(c.outcome, c.expected) == c.met); }
  }
}

TEST_CASE("The outcome of a sketch is what the policy decides") {
  const Policy policy = make_policy();
  const CaseOutcome granted = outcome_of(workload("foo"), policy);
  CHECK(to_string(granted,
                  {.verdict = Verdict::kGranted, .reasons = {}, .lifetime = std::chrono::hours(1), .signer = "bar"}) ==
        "granted for 24h by \"foo\"");
  CHECK(granted.tenant == "foo");

  RequestSketch wrong = workload("bar");
  wrong.duration = std::chrono::hours(48);
  wrong.usages = {"any", "any"};  // two findings of one reason
  const CaseOutcome denied = outcome_of(wrong, policy);
  CHECK(denied.reasons == std::vector{Reason::kSignerNotAllowed, Reason::kUsageNotAllowed, Reason::kDurationTooLong});
  CHECK(denied.asked_signer == "bar");
  CHECK(to_string(denied, {}) == "SignerNotAllowed, UsageNotAllowed, DurationTooLong");
  CHECK(to_string(outcome_of(workload("kubernetes.io/kubelet-serving"), policy), {}) == "not-ours");
}

TEST_CASE("Coverage tells what no case reached") {
  const Policy policy = make_policy();
  PolicyTestCoverage coverage;
  CHECK(coverage.tenants_not_reached(policy) == std::vector<std::string>{"foo", "bar", "mesh"});
  CHECK(coverage.signers_not_reached(policy) == std::vector<std::string>{"bar", "foo", "istio-system"});
  CHECK(coverage.reasons_not_reached().size() == kReasons.size());

  coverage.add(outcome_of(workload("bar"), policy));
  CHECK(coverage.tenants_not_reached(policy) == std::vector<std::string>{"bar", "mesh"});
  CHECK(coverage.signers_not_reached(policy) == std::vector<std::string>{"foo", "istio-system"});
  CHECK(coverage.reasons_not_reached().size() == kReasons.size() - 1);
}

}  // namespace
}  // namespace signet
