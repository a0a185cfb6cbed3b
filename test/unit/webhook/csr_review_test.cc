#include "webhook/csr_review.h"

#include <catch2/catch.hpp>
#include <fstream>
#include <sstream>

#include "policy/policy_loader.h"
#include "signer/kube/json.h"
#include "signer/kube/json_writer.h"
#include "webhook/reviewer.h"

namespace signet {
namespace {

constexpr std::string_view kIstiod = "system:serviceaccount:istio-system:istiod";
constexpr std::string_view kSelf = "system:serviceaccount:signet-system:signet";

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  REQUIRE(file);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

const Policy& policy() {
  static const Policy kPolicy(load_policy(read_file(SIGNET_TESTDATA "/policy.yaml"), "policy.yaml").value(), "digest");
  return kPolicy;
}

// The spec of a fixture's request as JSON, with one text replaced by another.
std::string spec_of(const std::string& fixture, const std::string& from = "", const std::string& to = "") {
  const auto document = JsonDocument::parse(read_file(SIGNET_TESTDATA "/reviews/" + fixture + ".json"));
  REQUIRE(document);
  std::string spec;
  document->root().at("request", "object", "spec").append_to(spec);
  if (!from.empty()) {
    const std::size_t at = spec.find(from);
    REQUIRE(at != std::string::npos);
    spec.replace(at, from.size(), to);
  }
  return spec;
}

std::string object_json(const std::string& spec, const std::string& metadata = "", const std::string& status = "") {
  return R"({"kind":"CertificateSigningRequest","apiVersion":"certificates.k8s.io/v1","metadata":{"name":"n","uid":"u")" +
         metadata + R"(},"spec":)" + spec + R"(,"status":{)" + status + "}}";
}

std::string review_json(const std::string& operation, std::string_view user, const std::string& object,
                        const std::string& old_object = "null", const std::string& sub_resource = "") {
  JsonWriter json;
  json.begin_object().key("apiVersion").string("admission.k8s.io/v1").key("kind").string("AdmissionReview");
  json.key("request").begin_object().key("uid").string("r1");
  json.key("kind").raw(R"({"group":"certificates.k8s.io","version":"v1","kind":"CertificateSigningRequest"})");
  json.key("resource").raw(R"({"group":"certificates.k8s.io","version":"v1","resource":"certificatesigningrequests"})");
  json.key("subResource").string(sub_resource).key("name").string("n").key("operation").string(operation);
  json.key("userInfo").begin_object().key("username").string(user).end_object();
  json.key("object").raw(object).key("oldObject").raw(old_object).end_object().end_object();
  return json.take();
}

// "allowed", or the reason's code; with a patch, the patch.
std::string answer(ReviewKind kind, const std::string& body, std::string_view self = kSelf) {
  const auto document = JsonDocument::parse(body);
  REQUIRE(document);
  const auto request = AdmissionRequest::decode(document->root());
  INFO((request ? "" : request.error()));
  REQUIRE(request);
  const ReviewContext context{
      .policy = policy(), .namespaces = KnownNamespaces(), .issuers = nullptr, .self = std::string(self), .now = {}};
  const ReviewOutcome outcome =
      kind == ReviewKind::kValidate ? validate_csr(*request, context) : mutate_csr(*request, context);
  if (!outcome.answer.allowed) {
    REQUIRE(outcome.record);
    CHECK(outcome.record->decision == "denied");
    CHECK(outcome.record->reason == outcome.answer.reason);
    return outcome.answer.reason;
  }
  return outcome.answer.json_patch.empty() ? "allowed" : outcome.answer.json_patch;
}

const std::string kApproved = R"("conditions":[{"type":"Approved","status":"True"}])";
const std::string kDenied = R"("conditions":[{"type":"Denied","status":"True"}])";
const std::string kFailed = R"("conditions":[{"type":"Failed","status":"True","reason":"x"}])";
const std::string kApprovedFailed =
    R"("conditions":[{"type":"Approved","status":"True"},{"type":"Failed","status":"True"}])";
const std::string kCertificate = R"(,"certificate":"LS0t")";

TEST_CASE("An update passes unless it makes a granted request one that is not, or writes what is an issuer's") {
  const std::string good = spec_of("workload-ecdsa");
  const std::string bad = spec_of("workload-asks-another-tenants-signer");
  const std::string foreign = spec_of("foreign-signer-passes");
  const std::string is_ca = R"(,"annotations":{"experimental.cert-manager.io/request-is-ca":"true"})";
  const std::string long_life = R"(,"annotations":{"experimental.cert-manager.io/request-duration":"87600h"})";
  const std::string label = R"(,"labels":{"a":"b"})";
  struct Case {
    std::string name, sub_resource;
    std::string_view user;
    std::string before, after, expected;
  };
  const std::vector<Case> cases = {
      {"label on a granted request", "", "alice", object_json(good), object_json(good, label), "allowed"},
      {"annotation that asks for a CA", "", "alice", object_json(good), object_json(good, is_ca), "CaRequested"},
      {"the same through approval", "approval", "alice", object_json(good), object_json(good, is_ca), "CaRequested"},
      {"the same through status", "status", "alice", object_json(good), object_json(good, is_ca), "CaRequested"},
      {"annotation that asks for ten years", "", "alice", object_json(good), object_json(good, long_life),
       "DurationTooLong"},
      {"clean-up of a refused request", "", "alice", object_json(bad, is_ca), object_json(bad), "allowed"},
      {"worse than refused", "", "alice", object_json(bad), object_json(bad, is_ca), "allowed"},
      {"annotation taken back", "", "alice", object_json(good, is_ca), object_json(good), "allowed"},
      {"approval of a granted request", "approval", kIstiod, object_json(good), object_json(good, "", kApproved),
       "allowed"},
      {"approval of a refused request", "approval", kIstiod, object_json(bad), object_json(bad, "", kApproved),
       "SignerNotAllowed"},
      {"approval through the main door", "", kIstiod, object_json(bad), object_json(bad, "", kApproved),
       "SignerNotAllowed"},
      {"denial of a refused request", "approval", kIstiod, object_json(bad), object_json(bad, "", kDenied), "allowed"},
      {"a label on what was approved before us", "", "alice", object_json(bad, "", kApproved),
       object_json(bad, label, kApproved), "allowed"},
      {"Failed by a stranger", "status", kIstiod, object_json(good, "", kApproved),
       object_json(good, "", kApprovedFailed), "IssuerNotAllowed"},
      {"Failed by us", "status", kSelf, object_json(bad, "", kApproved), object_json(bad, "", kApprovedFailed),
       "allowed"},
      {"Failed of a pending request by a stranger", "status", kIstiod, object_json(bad), object_json(bad, "", kFailed),
       "IssuerNotAllowed"},
      {"a certificate by a stranger", "status", kIstiod, object_json(good, "", kApproved),
       object_json(good, "", kApproved + kCertificate), "IssuerNotAllowed"},
      {"a certificate by us that nothing can be held against", "status", kSelf, object_json(good, "", kApproved),
       object_json(good, "", kApproved + kCertificate), "CertificateNotAllowed"},
      {"a certificate by us for what is not granted", "status", kSelf, object_json(bad, "", kApproved),
       object_json(bad, "", kApproved + kCertificate), "SignerNotAllowed"},
      {"a certificate taken away", "status", kIstiod, object_json(good, "", kApproved + kCertificate),
       object_json(good, "", kApproved), "IssuerNotAllowed"},
      {"a label beside a certificate", "status", "alice", object_json(good, "", kApproved + kCertificate),
       object_json(good, label, kApproved + kCertificate), "allowed"},
      {"another spec", "", "alice", object_json(good), object_json(bad), "RequestMalformed"},
      {"a foreign request moved to our signer", "", "alice", object_json(foreign), object_json(good),
       "RequestMalformed"},
      {"a foreign request's certificate", "status", "alice", object_json(foreign),
       object_json(foreign, is_ca, kApproved + kCertificate), "allowed"},
      {"nonsense in our domain", "", "alice", object_json(good), object_json(good, R"(,"labels":3)"),
       "RequestMalformed"},
  };
  for (const Case& c : cases) {
    DYNAMIC_SECTION(c.name) {
      CHECK(answer(ReviewKind::kValidate, review_json("UPDATE", c.user, c.after, c.before, c.sub_resource)) ==
            c.expected);
    }
  }
}

TEST_CASE("Nobody is the issuer where it is not known who we are") {
  const std::string good = spec_of("workload-ecdsa");
  const std::string body =
      review_json("UPDATE", "", object_json(good, "", kApprovedFailed), object_json(good, "", kApproved), "status");
  CHECK(answer(ReviewKind::kValidate, body, "") == "IssuerNotAllowed");
}

TEST_CASE("At CREATE the requester is the caller, whatever the spec says") {
  const std::string good = spec_of("workload-ecdsa");
  CHECK(answer(ReviewKind::kValidate, review_json("CREATE", kIstiod, object_json(good))) == "allowed");
  CHECK(answer(ReviewKind::kValidate, review_json("CREATE", "alice", object_json(good))) == "RequesterNotAllowed");
}

TEST_CASE("After CREATE the requester is the one in the spec, whoever updates") {
  const std::string by_alice = spec_of("workload-ecdsa", std::string(kIstiod), "alice");
  CHECK(answer(ReviewKind::kValidate, review_json("UPDATE", kIstiod, object_json(by_alice, "", kApproved),
                                                  object_json(by_alice), "approval")) == "RequesterNotAllowed");
}

TEST_CASE("A request that is deleted passes, so that clean-up is never blocked") {
  CHECK(answer(ReviewKind::kValidate, review_json("DELETE", "alice", "null", object_json(spec_of("workload-ecdsa")))) ==
        "allowed");
}

TEST_CASE("An object that does not say who is to sign it is denied, for nobody can tell whose business it is") {
  const auto [name, spec] = GENERATE(table<std::string, std::string>(
      {{"no spec", "null"}, {"no signerName", "{}"}, {"null", R"({"signerName":null})"}}));
  CAPTURE(name);
  const std::string object = object_json(spec);
  const std::string good = object_json(spec_of("workload-ecdsa"));
  CHECK(answer(ReviewKind::kValidate, review_json("CREATE", kIstiod, object)) == "RequestMalformed");
  CHECK(answer(ReviewKind::kValidate, review_json("UPDATE", kIstiod, object, object)) == "RequestMalformed");
  CHECK(answer(ReviewKind::kValidate, review_json("UPDATE", kIstiod, good, object)) == "RequestMalformed");
  CHECK(answer(ReviewKind::kMutate, review_json("CREATE", kIstiod, object)) == "allowed");
}

TEST_CASE("The record names who is answered, and no signer where nothing is granted") {
  const std::string good = spec_of("workload-ecdsa");
  const std::string is_ca = R"(,"annotations":{"experimental.cert-manager.io/request-is-ca":"true"})";
  struct Case {
    std::string name, body, decision, signer_granted;
  };
  const std::string signer = "clusterissuers.cert-manager.io/foo";
  const std::vector<Case> cases = {
      {"a CREATE that is refused", review_json("CREATE", "alice", object_json(good)), "denied", ""},
      {"an edit that is refused", review_json("UPDATE", "alice", object_json(good, is_ca), object_json(good)), "denied",
       ""},
      {"an edit that passes", review_json("UPDATE", "alice", object_json(good), object_json(good)), "granted", signer},
      {"Failed by a stranger",
       review_json("UPDATE", "alice", object_json(good, "", kApprovedFailed), object_json(good, "", kApproved),
                   "status"),
       "denied", ""},
  };
  const ReviewContext context{
      .policy = policy(), .namespaces = KnownNamespaces(), .issuers = nullptr, .self = std::string(kSelf), .now = {}};
  for (const Case& c : cases) {
    DYNAMIC_SECTION(c.name) {
      const auto reviewed = review(ReviewKind::kValidate, c.body, context);
      REQUIRE(reviewed);
      REQUIRE(reviewed->record);
      CHECK(reviewed->record->requester == "alice");
      CHECK(reviewed->record->decision == c.decision);
      CHECK(reviewed->record->signer_granted == c.signer_granted);
    }
  }
}

TEST_CASE("A lifetime is set where it is absent and clamped where it is too long, once") {
  const auto [name, spec, expected] = GENERATE(table<std::string, std::string, std::string>(
      {{"as allowed", spec_of("workload-ecdsa"), "allowed"},
       {"absent", spec_of("workload-ecdsa", ",\"expirationSeconds\":86400"),
        R"([{"op":"add","path":"/spec/expirationSeconds","value":86400}])"},
       {"null", spec_of("workload-ecdsa", "\"expirationSeconds\":86400", "\"expirationSeconds\":null"),
        R"([{"op":"add","path":"/spec/expirationSeconds","value":86400}])"},
       {"ten years", spec_of("istiod-ten-years"),
        R"([{"op":"replace","path":"/spec/expirationSeconds","value":7776000}])"},
       {"of nobody's namespace", spec_of("namespace-without-tenant", ",\"expirationSeconds\":86400"), "allowed"},
       {"of another signer", spec_of("foreign-signer-passes", ",\"expirationSeconds\":86400"), "allowed"},
       {"of nonsense", R"({"signerName":"clusterissuers.cert-manager.io/foo","usages":3})", "allowed"}}));
  CAPTURE(name);
  CHECK(answer(ReviewKind::kMutate, review_json("CREATE", kIstiod, object_json(spec))) == expected);
}

TEST_CASE("Only CREATE is patched") {
  const std::string spec = spec_of("workload-ecdsa", ",\"expirationSeconds\":86400");
  CHECK(answer(ReviewKind::kMutate, review_json("UPDATE", kIstiod, object_json(spec), object_json(spec))) == "allowed");
}

TEST_CASE("What is no AdmissionReview is told with the place") {
  const std::string good = review_json("CREATE", kIstiod, object_json(spec_of("workload-ecdsa")));
  const auto without = [&](const std::string& from, const std::string& to) {
    std::string text = good;
    const std::size_t at = text.find(from);
    REQUIRE(at != std::string::npos);
    return text.replace(at, from.size(), to);
  };
  const auto [body, error] = GENERATE_COPY(table<std::string, std::string>(
      {{"", "not JSON"},
       {"{", "not JSON"},
       {"[]", "not an AdmissionReview"},
       {without("admission.k8s.io/v1", "admission.k8s.io/v1beta1"), "not an AdmissionReview"},
       {R"({"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview"})", "request: must be an object"},
       {without(R"("uid":"r1")", R"("uid":"")"), "request.uid: must be a text that is not empty"},
       {without(R"("uid":"r1")", R"("uid":7)"), "request.uid: must be"},
       {without("\"CREATE\"", "\"PATCH\""), "request.operation: must be CREATE"},
       {without(R"("userInfo":{)", R"("userInfo":{"groups":[1],)"), "request.userInfo.groups: must be a list of texts"},
       {without(R"("userInfo":{)", R"("userInfo":{"username":"x",)"), "not JSON"},
       {good + "x", "not JSON"}}));
  const ReviewContext context{
      .policy = policy(), .namespaces = KnownNamespaces(), .issuers = nullptr, .self = {}, .now = {}};
  const auto reviewed = review(ReviewKind::kValidate, body, context);
  REQUIRE_FALSE(reviewed);
  CHECK_THAT(reviewed.error(), Catch::StartsWith(error));
}

TEST_CASE("A kind that nobody reviews is denied by validation and passed by mutation") {
  std::string body = review_json("CREATE", "alice", "{}");
  const std::string kind = "\"kind\":\"CertificateSigningRequest\"}";
  body.replace(body.find(kind), kind.size(), "\"kind\":\"Lease\"}");
  const ReviewContext context{
      .policy = policy(), .namespaces = KnownNamespaces(), .issuers = nullptr, .self = {}, .now = {}};
  CHECK_THAT(review(ReviewKind::kValidate, body, context).value().body, Catch::Contains(R"("allowed":false)"));
  CHECK_THAT(review(ReviewKind::kMutate, body, context).value().body, Catch::Contains(R"("allowed":true)"));
}

}  // namespace
}  // namespace signet
