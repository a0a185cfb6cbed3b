#include "policy/request_sketch.h"

#include <catch2/catch.hpp>
#include <fstream>
#include <sstream>

#include "policy/policy_loader.h"

namespace signet {
namespace {

Policy make_policy(std::vector<std::string> requesters = {"system:serviceaccount:istio-system:istiod", "self"}) {
  std::ifstream file(SIGNET_TESTDATA "/policy.yaml", std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  auto model = load_policy(text.str(), "policy.yaml");
  REQUIRE(model);
  model->requesters = std::move(requesters);
  model->routed_signer = "routed";
  return Policy(*std::move(model), "digest");
}

RequestSketch workload(std::string signer) {
  RequestSketch sketch;
  sketch.identity = "spiffe://cluster.local/ns/foo/sa/app";
  sketch.signer = std::move(signer);
  return sketch;
}

TEST_CASE("A sketch that says least is a workload's request as istiod makes it, and is granted") {
  const Policy policy = make_policy();
  const SigningRequest request = sketched_request(workload("foo"), policy);
  CHECK(request.signer_name == "clusterissuers.cert-manager.io/foo");
  CHECK(request.requester == "system:serviceaccount:istio-system:istiod");
  CHECK(request.requester_groups == std::vector<std::string>{"system:serviceaccounts",
                                                             "system:serviceaccounts:istio-system",
                                                             "system:authenticated"});
  CHECK(request.usages ==
        std::vector<std::string>{"digital signature", "key encipherment", "server auth", "client auth"});
  CHECK_FALSE(request.expiration_seconds);
  CHECK(policy.evaluate(request, KnownNamespaces()).verdict == Decision::Verdict::kGranted);
}

TEST_CASE("A sketch's requester is whom the policy lists first, and self is the identity's account") {
  struct Case {
    std::string name;
    std::vector<std::string> listed;
    std::string requester;
    std::string expected;
    Decision::Verdict verdict;
  };
  const auto c = GENERATE(values<Case>({
      {"listed first", {"alice", "self"}, "", "alice", Decision::Verdict::kGranted},
      {"self listed first", {"self", "alice"}, "", "system:serviceaccount:foo:app", Decision::Verdict::kGranted},
      {"self said", {"self"}, "self", "system:serviceaccount:foo:app", Decision::Verdict::kGranted},
      {"self said, but not listed", {"alice"}, "self", "system:serviceaccount:foo:app", Decision::Verdict::kDenied},
      {"somebody else said", {"self"}, "bob", "bob", Decision::Verdict::kDenied},
  }));
  CAPTURE(c.name);
  const Policy policy = make_policy(c.listed);
  RequestSketch sketch = workload("foo");
  sketch.requester = c.requester;
  const SigningRequest request = sketched_request(sketch, policy);
  CHECK(request.requester == c.expected);
  CHECK(policy.evaluate(request, KnownNamespaces()).verdict == c.verdict);
}

TEST_CASE("Groups that are said replace those that Kubernetes gives a service account") {
  const Policy policy = make_policy({"self"});
  RequestSketch sketch = workload("foo");
  sketch.groups = {"system:authenticated"};
  CHECK(policy.evaluate(sketched_request(sketch, policy), KnownNamespaces()).denied());
}

TEST_CASE("A sketch's namespace has the labels that are told and its name, or none that are known") {
  RequestSketch sketch = workload("foo");
  CHECK(SketchedNamespace(sketch).find("foo") == nullptr);
  sketch.namespace_labels = Labels{{"team", "shop"}, {"kubernetes.io/metadata.name", "bar"}};
  REQUIRE(SketchedNamespace(sketch).find("foo") != nullptr);
  CHECK(*SketchedNamespace(sketch).find("foo") == Labels{{"team", "shop"}, {"kubernetes.io/metadata.name", "foo"}});
}

TEST_CASE("A sketch's addresses are names of a service beside its DNS names") {
  RequestSketch sketch;
  sketch.dns_names = {"a.svc"};
  sketch.ip_addresses = {"10.0.0.1"};
  sketch.signer = "foo";
  CHECK(sketched_request(sketch, make_policy()).pkcs10->names ==
        std::vector<SubjectAltName>{{SubjectAltName::Type::kDns, "a.svc"}, {SubjectAltName::Type::kIp, "10.0.0.1"}});
}

TEST_CASE("A signer with a slash is a whole signerName") {
  const Policy policy = make_policy();
  CHECK(sketched_request(workload("example.org/foo"), policy).signer_name == "example.org/foo");
}

TEST_CASE("A sketch that is mutated has its lifetime clamped and the routed signer replaced") {
  const Policy policy = make_policy();
  RequestSketch sketch = workload("routed");
  sketch.duration = std::chrono::hours(48);
  CHECK(policy.evaluate(sketched_request(sketch, policy), KnownNamespaces()).findings.size() == 2);
  sketch.mutate = true;
  const SigningRequest request = sketched_request(sketch, policy);
  CHECK(request.signer_name == "clusterissuers.cert-manager.io/foo");
  CHECK(request.expiration_seconds == 86400);
}

}  // namespace
}  // namespace signet
