#include <catch2/catch.hpp>
#include <fstream>
#include <sstream>

#include "policy/policy_loader.h"
#include "signer/audit/audit_line.h"
#include "signer/audit/read_record.h"
#include "signer/kube/json_writer.h"
#include "webhook/certificate_request_review.h"
#include "webhook/reviewer.h"

namespace signet {
namespace {

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  REQUIRE(file);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

Policy fixture_policy() {
  return Policy(load_policy(read_file(SIGNET_TESTDATA "/policy.yaml"), "policy.yaml").value(), "digest");
}

// The record of a review as its line tells it; nothing where none is written.
std::optional<AuditRecord> record_of(ReviewKind kind, const std::string& body, const Policy& policy) {
  const auto reviewed = review(
      kind, body, {.policy = policy, .namespaces = KnownNamespaces(), .issuers = nullptr, .self = {}, .now = {}});
  REQUIRE(reviewed);
  if (!reviewed->record) {
    return std::nullopt;
  }
  ChainHead head;
  const std::string line = seal_line(audit_members(*reviewed->record), {}, head);
  const auto read = read_record(line.substr(0, line.size() - 1));
  REQUIRE(read);
  return read->record;
}

TEST_CASE("The record of each review of a request has what its decision is taken again from") {
  const Policy policy = fixture_policy();
  const auto expect = JsonDocument::parse(read_file(SIGNET_TESTDATA "/reviews/expect.json"));
  REQUIRE(expect);
  std::size_t decided = 0;
  for (const JsonMember& expected : expect->root().members()) {
    const std::string name(expected.key);
    INFO(name);
    const std::string body = read_file(SIGNET_TESTDATA "/reviews/" + name + ".json");
    const auto record = record_of(ReviewKind::kValidate, body, policy);
    if (!record) {
      continue;
    }
    CHECK(record->request.has_value() == record->object.empty());
    if (record->request) {
      const Decision decision = policy.evaluate(record->request->facts, KnownNamespaces());
      CHECK(record->decision == (decision.denied() ? "denied" : "granted"));
      const auto reason = expected.value.get("reason").as_string();
      CHECK(reason.value_or("none") == (decision.denied() ? to_string(decision.findings.front().reason) : "none"));
      ++decided;
    }
  }
  CHECK(decided > 15);
}

TEST_CASE("The record of cert-manager's own request has the namespace that its decision rests on") {
  PolicyModel model = fixture_policy().model();
  model.certificate_requests = PolicyModel::CertificateRequests::kEvaluate;
  const Policy evaluates(model, "digest");
  model.certificate_requests = PolicyModel::CertificateRequests::kDeny;
  const Policy denies(model, "digest");
  const auto workload = JsonDocument::parse(read_file(SIGNET_TESTDATA "/reviews/workload-ecdsa.json"));
  REQUIRE(workload);
  JsonWriter json;
  json.begin_object().key("apiVersion").string("admission.k8s.io/v1").key("kind").string("AdmissionReview");
  json.key("request").begin_object().key("uid").string("u").key("operation").string("CREATE");
  json.key("kind").begin_object().key("group").string("cert-manager.io").key("version").string("v1");
  json.key("kind").string("CertificateRequest").end_object();
  json.key("resource").begin_object().key("group").string("cert-manager.io").key("version").string("v1");
  json.key("resource").string("certificaterequests").end_object();
  const std::string ns = GENERATE("foo", "bar");
  json.key("name").string("web").key("namespace").string(ns);
  json.key("userInfo").value(workload->root().at("request", "userInfo"));
  json.key("object").begin_object().key("metadata").begin_object().key("name").string("web").end_object();
  json.key("spec").begin_object().key("request").value(workload->root().at("request", "object", "spec", "request"));
  json.key("duration").string("1h").key("issuerRef").begin_object().key("name").string("foo");
  json.key("kind").string("ClusterIssuer").end_object().end_object().end_object().end_object().end_object();
  const auto record = record_of(ReviewKind::kValidate, json.take(), evaluates);
  REQUIRE(record);
  CHECK(record->object == "CertificateRequest " + ns + "/web");
  CHECK(record->decision == (ns == "foo" ? "granted" : "denied"));
  REQUIRE(record->request);
  CHECK(record->request->name_space == ns);
  const Decision decision = decide_certificate_request(record->request->facts, ns, evaluates, KnownNamespaces());
  CHECK(decision.denied() == (ns == "bar"));
  CHECK(decision.grant.has_value() == (ns == "foo"));
  CHECK(decide_certificate_request(record->request->facts, ns, denies, KnownNamespaces()).findings.front().reason ==
        Reason::kSignerNotAllowed);
  SigningRequest foreign = record->request->facts;
  foreign.signer_name = "clusterissuers.cert-manager.io/letsencrypt";
  CHECK(decide_certificate_request(foreign, ns, evaluates, KnownNamespaces()).verdict == Decision::Verdict::kNotOurs);
}

TEST_CASE("The record of a mutation has what was asked, not what was made of it") {
  const Policy policy = fixture_policy();
  const auto record =
      record_of(ReviewKind::kMutate, read_file(SIGNET_TESTDATA "/reviews/istiod-ten-years.json"), policy);
  REQUIRE(record);
  CHECK(record->decision == "patched");
  REQUIRE(record->request);
  CHECK(record->request->facts.expiration_seconds == 315360000);
}

// A review of the request in the fixture, changed in one place.
std::string changed(std::string body, const std::string& from, const std::string& to) {
  const std::size_t at = body.find(from);
  REQUIRE(at != std::string::npos);
  return body.replace(at, from.size(), to);
}

TEST_CASE("An update of a request, and one that cannot be read, leave no request in the record") {
  const Policy policy = fixture_policy();
  const std::string body = read_file(SIGNET_TESTDATA "/reviews/workload-ecdsa.json");
  const auto created = record_of(ReviewKind::kValidate, body, policy);
  REQUIRE(created);
  CHECK(created->operation.empty());
  CHECK(created->request);

  const std::string spec = R"({"spec":{"signerName":"clusterissuers.cert-manager.io/foo"}})";
  const auto updated = record_of(ReviewKind::kValidate,
                                 changed(changed(body, R"("operation": "CREATE")", R"("operation": "UPDATE")"),
                                         R"("oldObject": null)", R"("oldObject": )" + spec),
                                 policy);
  REQUIRE(updated);
  CHECK(updated->operation == "UPDATE");
  CHECK_FALSE(updated->request);

  const auto unread = record_of(ReviewKind::kValidate, changed(body, R"("usages": [)", R"("usages": [7,)"), policy);
  REQUIRE(unread);
  CHECK(unread->decision == "denied");
  CHECK_FALSE(unread->request);
}

}  // namespace
}  // namespace signet
