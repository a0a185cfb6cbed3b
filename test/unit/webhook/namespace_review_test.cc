#include "webhook/namespace_review.h"

#include <catch2/catch.hpp>
#include <string>

#include "policy/policy_loader.h"
#include "signer/kube/json.h"
#include "webhook/reviewer.h"

namespace signet {
namespace {

Policy policy(const std::string& admins) {
  const std::string text = R"(apiVersion: signet/v1alpha1
kind: SignerPolicy
metadata: {name: mesh}
spec:
  trustDomains: [cluster.local]
  signerDomain: signers.example.com
  requesters: [self]
  certificate: {keys: [ECDSA-P256], usages: [client auth], maxDuration: 1h}
)" + admins + R"(
  tenants:
  - {name: foo, namespaces: [foo, "foo-*"], signers: [foo]}
  - {name: labelled, signers: [labelled], namespaceSelector: {matchLabels: {team: labelled}}}
  - name: rest
    signers: [rest]
    namespaceSelector: {matchExpressions: [{key: kubernetes.io/metadata.name, operator: In, values: [rest]}]}
)";
  return {load_policy(text, "policy.yaml").value(), "digest"};
}

std::string ns(const std::string& name, const std::string& labels = "{}") {
  return R"({"metadata":{"name":")" + name + R"(","labels":)" + labels + "}}";
}

// The answer in short: "passed", which nothing is told of, "allowed", or "<reason>: <message>".
std::string answer(const Policy& policy, const std::string& operation, const std::string& object,
                   const std::string& old_object, const std::string& group, const std::string& sub_resource = "") {
  const std::string body = R"({"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"1",)"
                           R"("kind":{"group":"","version":"v1","kind":"Namespace"},)"
                           R"("resource":{"group":"","version":"v1","resource":"namespaces"},"subResource":")" +
                           sub_resource + R"(","name":"n","namespace":"n","operation":")" + operation +
                           R"(","userInfo":{"username":"alice","groups":["system:authenticated",")" + group +
                           R"("]},"object":)" + object + R"(,"oldObject":)" + old_object + "}}";
  const auto reviewed =
      review(ReviewKind::kValidate, body,
             {.policy = policy, .namespaces = KnownNamespaces(), .issuers = nullptr, .self = {}, .now = {}});
  REQUIRE(reviewed);
  if (!reviewed->record) {
    CHECK(reviewed->allowed);
    return "passed";
  }
  CHECK(reviewed->record->object == "Namespace n");
  CHECK(reviewed->allowed == reviewed->record->message.empty());
  return reviewed->allowed ? "allowed" : reviewed->record->message.substr(std::string_view("signet: ").size());
}

TEST_CASE("Only an admin makes a namespace a tenant's, by whatever subresource") {
  const std::string only = "; only members of \"admins\" do that (namespaceAdmins)";
  const std::string of_tenant = " would be a tenant's by its name or labels" + only;
  const std::string decides = ", which decides whose a namespace is" + only;
  const auto [operation, object, old_object,
              expected] = GENERATE_COPY(table<std::string, std::string, std::string, std::string>({
      {"CREATE", ns("foo"), "null", "NamespaceNotAllowed: namespace \"foo\"" + of_tenant},
      {"CREATE", ns("foo-1"), "null", "NamespaceNotAllowed: namespace \"foo-1\"" + of_tenant},
      {"CREATE", ns("rest"), "null", "NamespaceNotAllowed: namespace \"rest\"" + of_tenant},
      {"CREATE", ns("bar"), "null", "allowed"},
      {"CREATE", ns("bar", R"({"team":"nobodys"})"), "null",
       "NamespaceNotAllowed: label \"team\" of namespace \"bar\" was set" + decides},
      {"CREATE", ns("bar", R"({"other":"x"})"), "null", "allowed"},
      {"UPDATE", ns("bar", R"({"team":"labelled"})"), ns("bar"),
       "NamespaceNotAllowed: label \"team\" of namespace \"bar\" was added" + decides},
      {"UPDATE", ns("bar"), ns("bar", R"({"team":"labelled"})"),
       "NamespaceNotAllowed: label \"team\" of namespace \"bar\" was taken away" + decides},
      {"UPDATE", ns("bar", R"({"team":"x"})"), ns("bar", R"({"team":"labelled"})"),
       "NamespaceNotAllowed: label \"team\" of namespace \"bar\" was changed" + decides},
      {"UPDATE", ns("bar", R"({"team":"labelled","a":"b"})"), ns("bar", R"({"team":"labelled"})"), "allowed"},
      {"UPDATE", ns("foo", R"({"a":"b"})"), ns("foo"), "allowed"},
      {"DELETE", "null", ns("foo"), "passed"},
      {"CREATE", R"({"metadata":{}})", "null", "RequestMalformed: request.object: metadata.name: must not be empty"},
      {"CREATE", "null", "null", "RequestMalformed: request.object: metadata.name: must not be empty"},
      {"UPDATE", ns("bar"), ns("bar", R"({"team":7})"),
       "RequestMalformed: request.oldObject: metadata.labels[\"team\"]: must be a string"},
  }));
  const std::string sub_resource = operation == "UPDATE" ? GENERATE("", "status", "finalize") : "";
  CAPTURE(operation, object, old_object, sub_resource);
  const Policy guarded = policy("  namespaceAdmins: [admins]");
  CHECK(answer(guarded, operation, object, old_object, "developers", sub_resource) == expected);
  if (expected.starts_with("NamespaceNotAllowed")) {
    CHECK(answer(guarded, operation, object, old_object, "admins", sub_resource) == "allowed");
  }
}

TEST_CASE("Where nobody guards the namespaces, all pass") {
  PolicyModel model = policy("  namespaceAdmins: [admins]").model();
  model.namespace_admins.clear();
  CHECK(answer(Policy(model, "digest"), "CREATE", ns("foo"), "null", "developers") == "passed");
}

}  // namespace
}  // namespace signet
