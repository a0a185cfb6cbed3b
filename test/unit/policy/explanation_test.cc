#include "policy/explanation.h"

#include <catch2/catch.hpp>
#include <functional>
#include <type_traits>

#include "policy/policy_loader.h"
#include "policy/request_sketch.h"

namespace signet {
namespace {

using Outcome = ExplainedCheck::Outcome;

// Every name of a tenant contains its tenant's name, so that it can be found wherever it is told.
constexpr std::string_view kPolicy = R"(
apiVersion: signet/v1alpha1
kind: SignerPolicy
metadata: {name: mesh}
spec:
  trustDomains: [cluster.local]
  signerDomain: example.com
  routedSigner: routed
  requesters: ["system:serviceaccount:zebra-system:zebra", self]
  requesterGroups: [zebra-operators]
  namespaceAdmins: [zebra-admins]
  lockedVariables: [{name: zebra, values: [zebra]}]
  signers: [{name: zebra-ca, secretName: zebra, certificate: {keys: [RSA-2048], maxDuration: 1h}}]
  certificate: {keys: [ECDSA-P256], usages: [server auth, client auth], maxDuration: 24h}
  tenants:
  - {name: apple, namespaces: [apple-ns], signers: [apple-ca], dnsNames: [apple.svc], requesters: [apple-bot]}
  - name: zebra
    namespaces: [zebra-ns, '*-zebra']
    namespaceSelector: {matchLabels: {zebra-team: zebra}}
    signers: [zebra-ca]
    serviceAccounts: [{name: zebra-batch, signers: [zebra-batch-ca]}]
    dnsNames: [zebra.svc]
    services: [{dnsNames: ['*.zebra.svc'], ipAddresses: [10.0.0.1], requesters: [zebra-bot], requesterGroups: [zebra-bots]}]
    requesters: [zebra-bot]
    requesterGroups: [zebra-friends]
  - name: berry
    namespaceSelector: {matchLabels: {team: berry}}
    signers: [apple-ca]
    services: [{dnsNames: ['*.apple.svc'], requesters: [berry-bot]}]
)";

Policy make_policy() {
  auto model = load_policy(kPolicy, "p.yaml");
  REQUIRE(model);
  return Policy(*std::move(model), "digest");
}

RequestSketch apple_workload() {
  return {.identity = "spiffe://cluster.local/ns/apple-ns/sa/app",
          .dns_names = {},
          .signer = "apple-ca",
          .requester = "self",
          .groups = {},
          .usages = {"server auth", "client auth"},
          .duration = std::chrono::hours(24)};
}

std::string told(const Explanation& explanation) {
  std::string text;
  for (const ExplainedCheck& check : explanation.checks) {
    text += std::string(check_name(check.check)) + " " + std::string(to_string(check.outcome)) + ": " + check.asked +
            "; " + check.allowed + " (" + check.rule + ")";
    for (const std::string& finding : check.findings) {
      text += "\n  " + finding;
    }
    text += "\n";
  }
  return text;
}

std::string outcomes(const Explanation& explanation, Outcome outcome) {
  std::string names;
  for (const ExplainedCheck& check : explanation.checks) {
    if (check.outcome == outcome) {
      names += (names.empty() ? "" : " ") + std::string(check_name(check.check));
    }
  }
  return names;
}

// Requests of every kind: who and what is asked for, by whom, from whom.
std::vector<RequestSketch> all_sketches() {
  std::vector<RequestSketch> sketches;
  const std::vector<std::optional<Labels>> labels = {std::nullopt, Labels{{"zebra-team", "other"}, {"team", "berry"}},
                                                     Labels{{"zebra-team", "zebra"}, {"team", "berry"}}};
  for (const std::string identity :
       {"", "spiffe://cluster.local/ns/apple-ns/sa/app", "spiffe://other/ns/apple-ns/sa/app",
        "spiffe://cluster.local/ns/nowhere/sa/app", "https://apple"}) {
    for (const std::vector<std::string>& dns_names :
         std::vector<std::vector<std::string>>{{}, {"apple.svc"}, {"unlisted.svc"}, {"a.apple.svc"}}) {
      for (const std::string signer : {"apple-ca", "routed", "nobodys", "foreign.org/x"}) {
        for (const std::string requester : {"self", "apple-bot", "mallory"}) {
          for (const std::string key : {"ECDSA-P256", "RSA-2048", "RSA-1024"}) {
            for (const bool mutate : {false, true}) {
              sketches.push_back({.identity = identity,
                                  .dns_names = dns_names,
                                  .signer = signer,
                                  .requester = requester,
                                  .groups = {},
                                  .key = key,
                                  .duration = std::nullopt,
                                  .mutate = mutate});
              sketches.back().namespace_labels = labels[sketches.size() % labels.size()];
            }
          }
        }
      }
    }
  }
  return sketches;
}

TEST_CASE("What is granted is explained with the rule of each check") {
  const Explanation explanation =
      explain(make_policy(), sketched_request(apple_workload(), make_policy()), KnownNamespaces(), Audience::kTenant);
  CHECK(explanation.decision.verdict == Decision::Verdict::kGranted);
  CHECK(told(explanation) ==
        "request passed: a PKCS#10 whose signature verifies; one PKCS#10 whose signature verifies with its own key ()\n"
        "requester passed: \"system:serviceaccount:apple-ns:app\"; \"self\", \"apple-bot\" (requesters)\n"
        "extensions passed: no other extension; subject alternative name, key usage, extended key usage, "
        "basicConstraints CA=false ()\n"
        "authority passed: no certificate authority; certificates of workloads and services ()\n"
        "names passed: \"spiffe://cluster.local/ns/apple-ns/sa/app\"; exactly one SPIFFE URI and no other name, or DNS "
        "names and IP addresses only ()\n"
        "identity passed: \"spiffe://cluster.local/ns/apple-ns/sa/app\"; spiffe://<trust domain>/ns/<namespace>/sa/"
        "<service account>; trust domains are cluster.local (trustDomains)\n"
        "tenant passed: namespace \"apple-ns\"; \"apple-ns\" (tenants[apple].namespaces)\n"
        "suspension passed: tenant \"apple\"; tenants that are not suspended (tenants[apple].suspended)\n"
        "signer passed: \"apple-ca\"; \"apple-ca\" (tenants[apple].signers)\n"
        "key passed: ECDSA-P256; ECDSA-P256 (tenants[apple].certificate.keys)\n"
        "usages passed: server auth, client auth; server auth, client auth; each once, at least one "
        "(tenants[apple].certificate.usages)\n"
        "longest passed: 86400 s; 24h at most; a longer one is clamped at CREATE "
        "(tenants[apple].certificate.maxDuration)\n"
        "shortest passed: 86400 s; 10m at least; a shorter one is clamped at CREATE ()\n");
}

TEST_CASE("Checks that were not reached or do not apply are told apart from those that passed") {
  struct Case {
    std::string name;
    std::function<void(RequestSketch&)> change;
    std::string failed;
    std::string not_made;
  };
  const std::vector<Case> cases = {
      {"a service",
       [](auto& s) {
         s.identity.clear();
         s.dns_names = {"apple.svc"};
         s.requester = "apple-bot";
       },
       "", "identity tenant"},
      {"a namespace of nobody", [](auto& s) { s.identity = "spiffe://cluster.local/ns/nowhere/sa/app"; }, "tenant",
       "suspension signer key usages longest shortest"},
      {"no SPIFFE ID", [](auto& s) { s.identity = "https://apple"; }, "requester identity",
       "tenant suspension signer key usages longest shortest"},
      {"an identity and a DNS name", [](auto& s) { s.dns_names = {"apple.svc"}; }, "requester names",
       "identity tenant suspension signer key usages longest shortest"},
      {"a key that no policy can allow", [](auto& s) { s.key = "RSA-1024"; }, "key", "request"},
      {"a service from nobody's signer",
       [](auto& s) {
         s.identity.clear();
         s.dns_names = {"apple.svc"};
         s.requester = "apple-bot";
         s.signer = "nobodys";
       },
       "requester signer", "names identity tenant suspension key usages longest shortest"},
  };
  const Policy policy = make_policy();
  for (const Case& c : cases) {
    DYNAMIC_SECTION(c.name) {
      RequestSketch sketch = apple_workload();
      c.change(sketch);
      const Explanation explanation =
          explain(policy, sketched_request(sketch, policy), KnownNamespaces(), Audience::kOperator);
      CHECK(outcomes(explanation, Outcome::kFailed) == c.failed);
      CHECK(outcomes(explanation, Outcome::kNotMade) == c.not_made);
    }
  }
}

TEST_CASE("An explanation is of the decision that evaluate takes, and listening to it changes nothing") {
  const Policy policy = make_policy();
  for (const RequestSketch& sketch : all_sketches()) {
    const SigningRequest request = sketched_request(sketch, policy);
    const SketchedNamespace namespaces(sketch);
    const Decision decision = policy.evaluate(request, namespaces);
    const Explanation explanation = explain(policy, request, namespaces, Audience::kTenant);
    INFO(told(explanation));
    REQUIRE(explanation.decision.verdict == decision.verdict);
    REQUIRE(to_message(explanation.decision.findings) == to_message(decision.findings));
    REQUIRE(explanation.checks.empty() == (decision.verdict == Decision::Verdict::kNotOurs));
    REQUIRE(decision.denied() == !outcomes(explanation, Outcome::kFailed).empty());
    if (decision.grant) {
      const bool service = sketch.identity.empty();
      REQUIRE(outcomes(explanation, Outcome::kNotMade) == (service ? "identity tenant" : ""));
    }
    EvaluationTrace trace;
    REQUIRE(policy.evaluate(request, namespaces, &trace).verdict == decision.verdict);
    for (const Finding& finding : decision.findings) {
      REQUIRE(trace.made.contains(finding.reason));
    }
  }
}

TEST_CASE("A trace costs nothing but its place on the stack") {
  STATIC_REQUIRE(std::is_trivially_destructible_v<EvaluationTrace>);
}

TEST_CASE("A tenant is told nothing of another tenant, an operator everything") {
  const Policy policy = make_policy();
  bool operator_was_told = false;
  bool berry_was_told = false;
  for (const RequestSketch& sketch : all_sketches()) {
    const SigningRequest request = sketched_request(sketch, policy);
    const SketchedNamespace namespaces(sketch);
    const std::string to_tenant = told(explain(policy, request, namespaces, Audience::kTenant));
    CAPTURE(to_tenant);
    REQUIRE(to_tenant.find("zebra") == std::string::npos);
    berry_was_told |= to_tenant.find("\"team=berry\"") != std::string::npos;
    operator_was_told |=
        told(explain(policy, request, namespaces, Audience::kOperator)).find("zebra") != std::string::npos;
  }
  CHECK(operator_was_told);
  CHECK(berry_was_told);  // of its own selector
}

TEST_CASE("An operator is told whose the signer is that was asked for") {
  const Policy policy = make_policy();
  RequestSketch sketch = apple_workload();
  sketch.signer = "zebra-ca";
  const Explanation explanation =
      explain(policy, sketched_request(sketch, policy), KnownNamespaces(), Audience::kOperator);
  CHECK(told(explanation)
            .find("signer failed: \"zebra-ca\"; \"apple-ca\"; \"zebra-ca\" is a signer of zebra "
                  "(tenants[apple].signers)\n  asked for signer \"zebra-ca\"; tenant \"apple\" may use "
                  "\"apple-ca\" (tenants[apple].signers)\n") != std::string::npos);
}

}  // namespace
}  // namespace signet
