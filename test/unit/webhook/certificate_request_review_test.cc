#include "webhook/certificate_request_review.h"

#include <catch2/catch.hpp>
#include <fstream>
#include <sstream>

#include "policy/policy_loader.h"
#include "signer/kube/base64.h"
#include "signer/kube/json.h"
#include "signer/kube/json_writer.h"

namespace signet {
namespace {

using Operation = AdmissionRequest::Operation;

constexpr std::string_view kIstiod = "system:serviceaccount:istio-system:istiod";
constexpr std::string_view kApp = "system:serviceaccount:foo:app";
const std::string kFoo = R"({"name":"foo","kind":"ClusterIssuer"})";

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  REQUIRE(file);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

Policy policy_with(PolicyModel::CertificateRequests certificate_requests) {
  PolicyModel model = load_policy(read_file(SIGNET_TESTDATA "/policy.yaml"), "policy.yaml").value();
  model.routed_signer = "routed";
  model.certificate_requests = certificate_requests;
  return Policy(std::move(model), "digest");
}

// A PKCS#10 as spec.request has it, of the fixture with that name.
std::string pkcs10(const std::string& fixture) {
  const auto document = JsonDocument::parse(read_file(SIGNET_TESTDATA "/reviews/" + fixture + ".json"));
  REQUIRE(document);
  return "\"" + std::string(document->root().at("request", "object", "spec", "request").as_string().value()) + "\"";
}

// The same of a file of test data.
std::string pem_file(const std::string& name) {
  return "\"" + base64_encode(read_file(SIGNET_TESTDATA "/csr/" + name + ".pem")) + "\"";
}

// spec.request and spec.issuerRef, then `more`.
std::string spec(const std::string& request, const std::string& issuer, const std::string& more = "") {
  return R"({"request":)" + request + R"(,"issuerRef":)" + issuer + more + "}";
}

struct Review {
  std::string spec;
  std::string old_spec = {};  // of an update
  std::string_view user = kIstiod;
  std::string group = {};
  std::string ns = "foo";
};

ReviewOutcome review(PolicyModel::CertificateRequests certificate_requests, Operation operation, const Review& review) {
  const auto object = JsonDocument::parse(R"({"metadata":{"name":"n"},"spec":)" + review.spec + "}");
  REQUIRE(object);
  const auto old_object = JsonDocument::parse(review.old_spec.empty() ? "null" : R"({"spec":)" + review.old_spec + "}");
  REQUIRE(old_object);
  AdmissionRequest request;
  request.uid = "r1";
  request.kind = "CertificateRequest";
  request.name = "n";
  request.name_space = review.ns;
  request.operation = operation;
  request.user = {.username = std::string(review.user), .groups = {review.group}};
  request.object = object->root();
  request.old_object = old_object->root();
  const Policy policy = policy_with(certificate_requests);
  return validate_certificate_request(
      request, {.policy = policy, .namespaces = KnownNamespaces(), .issuers = nullptr, .self = {}, .now = {}});
}

// "allowed", or the message of the denial.
std::string answer(const ReviewOutcome& outcome) {
  return outcome.answer.allowed ? "allowed" : outcome.answer.message.substr(std::string_view("signet: ").size());
}

std::string evaluated(const Review& asked) {
  return answer(review(PolicyModel::CertificateRequests::kEvaluate, Operation::kCreate, asked));
}

TEST_CASE("Where the policy says so, a CertificateRequest is judged as a CertificateSigningRequest is") {
  const std::string workload = pkcs10("workload-ecdsa");
  const std::string hour = R"(,"duration":"1h0m0s")";
  const std::string bar = R"({"name":"bar","kind":"ClusterIssuer"})";
  const std::string too_long = "; allowed are 600 s to 86400 s (24h, tenants[foo].certificate.maxDuration)";
  const auto spec_with = [&](const std::string& more) { return spec(workload, kFoo, hour + more); };
  struct Case {
    std::string name;
    Review asked;
    std::string expected;  // how the answer begins
  };
  const std::vector<Case> cases = {
      {"by a listed requester", {.spec = spec_with("")}, "allowed"},
      {"by the account that the identity names",
       {.spec = spec_with(""), .user = kApp, .group = "system:serviceaccounts:foo"},
       "allowed"},
      {"by that user name without its group", {.spec = spec_with(""), .user = kApp}, "RequesterNotAllowed"},
      {"by a stranger who writes another's name into the spec",
       {.spec = spec_with(R"(,"username":"system:serviceaccount:istio-system:istiod")"), .user = "alice"},
       "RequesterNotAllowed: \"alice\" may not ask for \"spiffe://cluster.local/ns/foo/sa/app\""},
      {"of another tenant's issuer",
       {.spec = spec(workload, bar, hour)},
       "SignerNotAllowed: asked for signer \"bar\"; tenant \"foo\" may use \"foo\" (tenants[foo].signers)"},
      {"of the routed signer, which nothing rewrites",
       {.spec = spec(workload, R"({"name":"routed","kind":"ClusterIssuer"})", hour)},
       "SignerNotAllowed: asked for signer \"routed\""},
      {"of an issuer of no tenant", {.spec = spec("7", R"({"name":"letsencrypt","kind":"ClusterIssuer"})")}, "allowed"},
      {"with an identity of no tenant", {.spec = spec(pkcs10("namespace-without-tenant"), kFoo, hour)}, "NoTenant"},
      {"with a weak key", {.spec = spec(pkcs10("weak-key"), kFoo, hour)}, "KeyNotAllowed"},
      {"with a spoiled signature", {.spec = spec(pkcs10("spoiled-signature"), kFoo, hour)}, "RequestMalformed"},
      {"for the most that the tenant may", {.spec = spec(workload, kFoo, R"(,"duration":"24h")")}, "allowed"},
      {"for hours with a fraction", {.spec = spec(workload, kFoo, R"(,"duration":"1.5h")")}, "allowed"},
      {"for a nanosecond more than the most",
       {.spec = spec(workload, kFoo, R"(,"duration":"24h1ns")")},
       "DurationTooLong: spec.duration asks for 86401 s" + too_long},
      {"for less than the least",
       {.spec = spec(workload, kFoo, R"(,"duration":"0s")")},
       "DurationTooShort: spec.duration asks for 0 s; allowed are 600 s to 86400 s (10m, the least that Kubernetes "
       "takes)"},
      {"for as long as cert-manager likes",
       {.spec = spec(workload, kFoo)},
       "DurationTooLong: spec.duration is absent, for which the signer gives 7776000 s" + too_long},
      {"for as long as cert-manager likes, where that is allowed",
       {.spec = spec(pkcs10("istiod-serving-certificate"), R"({"name":"istio-system","kind":"ClusterIssuer"})"),
        .ns = "istio-system"},
       "allowed"},
      {"from the root namespace, for everybody", {.spec = spec_with(""), .ns = "istio-system"}, "allowed"},
      {"from another tenant's namespace",
       {.spec = spec_with(""), .ns = "bar"},
       "RequesterNotAllowed: a CertificateRequest in namespace \"bar\" may not ask for "
       "\"spiffe://cluster.local/ns/foo/sa/app\"; its tenant's own namespaces may (tenants[].namespaces)"},
      {"from a namespace of no tenant", {.spec = spec_with(""), .ns = "web"}, "RequesterNotAllowed"},
      {"for the mesh's names, from a tenant's namespace",
       {.spec = spec(pkcs10("istiod-serving-certificate"), R"({"name":"istio-system","kind":"ClusterIssuer"})")},
       "RequesterNotAllowed: a CertificateRequest in namespace \"foo\" may not ask for "},
      {"with a common name, which cert-manager copies",
       {.spec = spec(pem_file("common-name"), kFoo, hour)},
       "SubjectAltNameNotAllowed: the subject names \"CN=istiod.istio-system.svc\", \"O=system:masters\"; it must be "
       "empty"},
      {"for no duration at all",
       {.spec = spec(workload, kFoo, R"(,"duration":"soon")")},
       "RequestMalformed: spec.duration: \"soon\" is not a duration such as 24h0m0s or 1.5h"},
      {"for an empty duration", {.spec = spec(workload, kFoo, R"(,"duration":"")")}, "RequestMalformed: spec.duration"},
      {"of a CA",
       {.spec = spec_with(R"(,"isCA":true)")},
       "CaRequested: spec.isCA is \"true\"; only certificates of workloads are signed"},
      {"of no CA, said outright", {.spec = spec_with(R"(,"isCA":false)")}, "allowed"},
      {"with usages", {.spec = spec_with(R"(,"usages":["server auth","client auth"])")}, "allowed"},
      {"with no usages, for which cert-manager takes two", {.spec = spec_with(R"(,"usages":[])")}, "allowed"},
      {"with a usage that is not allowed",
       {.spec = spec_with(R"(,"usages":["server auth","code signing"])")},
       "UsageNotAllowed: asked for usage \"code signing\""},
      {"without a PKCS#10", {.spec = R"({"issuerRef":)" + kFoo + "}"}, "RequestMalformed: spec.request: "},
      {"request of a wrong type", {.spec = spec("7", kFoo)}, "RequestMalformed: spec.request: must be a string"},
      {"request that is not base64", {.spec = spec("\"%\"", kFoo)}, "RequestMalformed: spec.request: "},
      {"duration of a wrong type",
       {.spec = spec(workload, kFoo, R"(,"duration":3600)")},
       "RequestMalformed: spec.duration: must be a string"},
      {"isCA of a wrong type",
       {.spec = spec_with(R"(,"isCA":"false")")},
       "RequestMalformed: spec.isCA: must be true or false"},
      {"usages of a wrong type",
       {.spec = spec_with(R"(,"usages":"server auth")")},
       "RequestMalformed: spec.usages: must be a list"},
      {"a usage of a wrong type",
       {.spec = spec_with(R"(,"usages":["server auth",1])")},
       "RequestMalformed: spec.usages[1]: must be a string"},
      {"issuerRef of a wrong type",
       {.spec = spec(workload, R"("foo")")},
       "RequestMalformed: spec.issuerRef: must be an object"},
      {"spec of a wrong type", {.spec = "[]"}, "RequestMalformed: spec: must be an object"},
  };
  for (const Case& c : cases) {
    DYNAMIC_SECTION(c.name) { CHECK_THAT(evaluated(c.asked), Catch::StartsWith(c.expected)); }
  }
}

TEST_CASE("An update of a CertificateRequest is judged as a new one where it changes what is asked, for who updates") {
  const std::string good = spec(pkcs10("workload-ecdsa"), kFoo, R"(,"duration":"1h0m0s")");
  const std::string other = spec(pkcs10("workload-rsa"), kFoo, R"(,"duration":"1h0m0s")");
  const std::string long_life = spec(pkcs10("workload-ecdsa"), kFoo, R"(,"duration":"87600h0m0s")");
  const std::string foreign = spec(pkcs10("workload-ecdsa"), R"({"name":"letsencrypt","kind":"ClusterIssuer"})");
  const std::string nonsense = spec("7", kFoo, R"(,"duration":[])");
  const auto with_username = [](std::string text) { return text.insert(1, R"("username":"alice",)"); };
  using enum PolicyModel::CertificateRequests;
  struct Case {
    std::string name, before, after;
    std::string_view user;
    std::string evaluate, deny;  // the reason of the answer; empty: allowed
  };
  const std::vector<Case> cases = {
      {"nothing of the spec", good, good, "alice", "", ""},
      {"nothing of a spec that is refused", long_life, long_life, "alice", "", ""},
      {"nothing of a spec that is nonsense", nonsense, nonsense, "alice", "", ""},
      {"what no judgement rests on", good, with_username(good), "alice", "", ""},
      {"a longer life", good, long_life, kIstiod, "DurationTooLong", "SignerNotAllowed"},
      {"a life that may be", long_life, good, kIstiod, "", "SignerNotAllowed"},
      {"another key, by who may ask", good, other, kIstiod, "", "SignerNotAllowed"},
      {"another key, by who may not", good, other, "alice", "RequesterNotAllowed", "SignerNotAllowed"},
      {"another issuer that becomes ours", foreign, good, "alice", "RequesterNotAllowed", "SignerNotAllowed"},
      {"our issuer that becomes another", good, foreign, "alice", "", ""},
      {"into nonsense", good, nonsense, kIstiod, "RequestMalformed", "SignerNotAllowed"},
  };
  for (const Case& c : cases) {
    DYNAMIC_SECTION(c.name) {
      const Review asked{.spec = c.after, .old_spec = c.before, .user = c.user, .group = ""};
      CHECK(review(kEvaluate, Operation::kUpdate, asked).answer.reason == c.evaluate);
      CHECK(review(kDeny, Operation::kUpdate, asked).answer.reason == c.deny);
      CHECK(review(kEvaluate, Operation::kDelete, asked).answer.allowed);
    }
  }
}

TEST_CASE("The record of a CertificateRequest names the object, who asked for what, and no CertificateSigningRequest") {
  const auto [user, decision, granted] = GENERATE(table<std::string, std::string, std::string>(
      {{std::string(kIstiod), "granted", "clusterissuers.cert-manager.io/foo"}, {"alice", "denied", ""}}));
  CAPTURE(user);
  const ReviewOutcome outcome =
      review(PolicyModel::CertificateRequests::kEvaluate, Operation::kCreate,
             {.spec = spec(pkcs10("workload-ecdsa"), kFoo, R"(,"duration":"1h")"), .old_spec = "", .user = user});
  REQUIRE(outcome.record);
  CHECK(outcome.record->decision == decision);
  CHECK(outcome.record->object == "CertificateRequest foo/n");
  CHECK(outcome.record->csr_name.empty());
  CHECK(outcome.record->requester == user);
  CHECK(outcome.record->identity == "spiffe://cluster.local/ns/foo/sa/app");
  CHECK(outcome.record->tenant == "foo");
  CHECK(outcome.record->signer_requested == "clusterissuers.cert-manager.io/foo");
  CHECK(outcome.record->signer_granted == granted);
}

}  // namespace
}  // namespace signet
