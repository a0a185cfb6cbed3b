#include <catch2/catch.hpp>
#include <fstream>
#include <sstream>

#include "policy/policy_loader.h"
#include "signer/kube/json.h"
#include "signer/kube/json_writer.h"
#include "webhook/certificate_request_review.h"
#include "webhook/pod_review.h"
#include "webhook/proxy_config_review.h"

namespace signet {
namespace {

const Policy& policy() {
  static const Policy kPolicy = [] {
    std::ifstream file(SIGNET_TESTDATA "/policy.yaml", std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    return Policy(load_policy(text.str(), "policy.yaml").value(), "digest");
  }();
  return kPolicy;
}

// The same, changed.
template <typename Change>
Policy policy_with(const Change& change) {
  PolicyModel model = policy().model();
  change(model);
  return Policy(std::move(model), "digest");
}

// The answer in short: "allowed", "warned", the patch, or "<reason>: <message>".
std::string answer(ReviewOutcome (*handler)(const AdmissionRequest&, const ReviewContext&), const std::string& ns,
                   const std::string& object,
                   AdmissionRequest::Operation operation = AdmissionRequest::Operation::kCreate,
                   const std::string& old_object = "null", const Policy& judge = policy()) {
  const auto document = JsonDocument::parse(object);
  REQUIRE(document);
  const auto old_document = JsonDocument::parse(old_object);
  REQUIRE(old_document);
  AdmissionRequest request;
  request.uid = "r1";
  request.kind = "Thing";
  request.name = "n";
  request.name_space = ns;
  request.operation = operation;
  request.object = document->root();
  request.old_object = old_document->root();
  const ReviewOutcome outcome =
      handler(request, {.policy = judge, .namespaces = KnownNamespaces(), .issuers = nullptr, .self = {}, .now = {}});
  if (!outcome.answer.allowed) {
    return outcome.answer.message.substr(std::string_view("signet: ").size());
  }
  if (!outcome.answer.json_patch.empty()) {
    return outcome.answer.json_patch;
  }
  return outcome.answer.warnings.empty() ? "allowed" : "warned";
}

TEST_CASE("A ProxyConfig may choose a signer of its namespace's tenant, in the root namespace the default") {
  const auto [ns, spec, expected] = GENERATE(table<std::string, std::string, std::string>({
      {"foo", R"({"environmentVariables":{"ISTIO_META_CERT_SIGNER":"foo"}})", "allowed"},
      {"foo", "{}", "allowed"},
      {"foo", "null", "allowed"},
      {"foo", R"({"environmentVariables":null})", "allowed"},
      {"foo", R"({"selector":{"matchLabels":{"a":"b"}},"environmentVariables":{"ISTIO_META_CERT_SIGNER":"bar"}})",
       "SignerNotAllowed: spec.environmentVariables.ISTIO_META_CERT_SIGNER asks for signer \"bar\"; tenant \"foo\" may "
       "use \"foo\" (tenants[foo].signers)"},
      {"foo", R"({"environmentVariables":{"ISTIO_META_CERT_SIGNER":"istio-system"}})",
       "SignerNotAllowed: spec.environmentVariables.ISTIO_META_CERT_SIGNER asks for signer \"istio-system\"; tenant "
       "\"foo\" may use \"foo\" (tenants[foo].signers)"},
      {"foo", R"({"environmentVariables":{"ISTIO_META_CERT_SIGNER":""}})",
       "SignerNotAllowed: spec.environmentVariables.ISTIO_META_CERT_SIGNER asks for signer \"\"; tenant \"foo\" may "
       "use "
       "\"foo\" (tenants[foo].signers)"},
      {"qux", R"({"environmentVariables":{"ISTIO_META_CERT_SIGNER":"foo"}})",
       "SignerNotAllowed: spec.environmentVariables.ISTIO_META_CERT_SIGNER asks for signer \"foo\"; namespace \"qux\" "
       "belongs to no tenant and may use none (tenants[].namespaces)"},
      {"istio-system", R"({"environmentVariables":{"ISTIO_META_CERT_SIGNER":"istio-system"}})", "allowed"},
      {"istio-system", R"({"environmentVariables":{"ISTIO_META_CERT_SIGNER":"bar"}})",
       "SignerNotAllowed: spec.environmentVariables.ISTIO_META_CERT_SIGNER asks for signer \"bar\"; in the root "
       "namespace, which reaches every other, only \"istio-system\" may stand (defaultSigner)"},
      {"foo", "[]", "RequestMalformed: spec: must be an object"},
      {"foo", R"({"environmentVariables":[]})", "RequestMalformed: spec.environmentVariables: must be an object"},
      {"foo", R"({"environmentVariables":{"ISTIO_META_CERT_SIGNER":1}})",
       "RequestMalformed: spec.environmentVariables.ISTIO_META_CERT_SIGNER: must be a text"},
      {"foo", R"({"environmentVariables":{"ISTIO_META_CERT_SIGNER":null}})",
       "RequestMalformed: spec.environmentVariables.ISTIO_META_CERT_SIGNER: must be a text"},
  }));
  CAPTURE(ns, spec);
  const std::string object = R"({"metadata":{},"spec":)" + spec + "}";
  CHECK(answer(validate_proxy_config, ns, object) == expected);
  CHECK(answer(validate_proxy_config, ns, object, AdmissionRequest::Operation::kUpdate) == expected);
  CHECK(answer(validate_proxy_config, ns, object, AdmissionRequest::Operation::kDelete) == "allowed");
}

TEST_CASE("A ProxyConfig that is being deleted passes as it was, so that its finalizers can be taken away") {
  const std::string deleted = R"({"metadata":{"deletionTimestamp":"2026-01-01T00:00:00Z"},"spec":)";
  const auto naming = [](const std::string& signer) {
    return R"({"environmentVariables":{"ISTIO_META_CERT_SIGNER":")" + signer + "\"}}}";
  };
  const std::string refused =
      "SignerNotAllowed: spec.environmentVariables.ISTIO_META_CERT_SIGNER asks for signer \"bar\"; tenant \"foo\" may "
      "use \"foo\" (tenants[foo].signers)";
  const auto [name, spec, old_spec, expected] = GENERATE_COPY(table<std::string, std::string, std::string, std::string>(
      {{"another tenant's signer from before", naming("bar"), naming("bar"), "allowed"},
       {"another tenant's signer from before, mended", naming("foo"), naming("bar"), "allowed"},
       {"another tenant's signer, put there now", naming("bar"), naming("foo"), refused},
       {"another tenant's signer where none was", naming("bar"), "{}}", refused},
       {"nonsense from before", "[]}", "[]}", "allowed"}}));
  CAPTURE(name);
  CHECK(answer(validate_proxy_config, "foo", deleted + spec, AdmissionRequest::Operation::kUpdate,
               deleted + old_spec) == expected);
  CHECK(answer(validate_proxy_config, "foo", deleted + naming("bar")) == refused);
}

TEST_CASE("A ProxyConfig of a tenant that names no signer is given the tenant's first") {
  const auto [ns, object, expected] = GENERATE(table<std::string, std::string, std::string>({
      {"foo", R"({"spec":{"environmentVariables":{"A":"b"}}})",
       R"([{"op":"add","path":"/spec/environmentVariables/ISTIO_META_CERT_SIGNER","value":"foo"}])"},
      {"foo", R"({"spec":{"environmentVariables":null}})",
       R"([{"op":"add","path":"/spec/environmentVariables","value":{"ISTIO_META_CERT_SIGNER":"foo"}}])"},
      {"foo", R"({"spec":{"concurrency":1}})",
       R"([{"op":"add","path":"/spec/environmentVariables","value":{"ISTIO_META_CERT_SIGNER":"foo"}}])"},
      {"foo", "{}",
       R"([{"op":"add","path":"/spec","value":{"environmentVariables":{"ISTIO_META_CERT_SIGNER":"foo"}}}])"},
      {"foo", R"({"spec":{"environmentVariables":{"ISTIO_META_CERT_SIGNER":"bar"}}})", "allowed"},
      {"foo", R"({"spec":[]})", "allowed"},
      {"qux", "{}", "allowed"},
      {"istio-system", "{}", "allowed"},
  }));
  CAPTURE(ns, object);
  CHECK(answer(mutate_proxy_config, ns, object) == expected);
}

std::string pod_with_annotation(const std::string& text) {
  JsonWriter json;
  json.begin_object().key("metadata").begin_object().key("annotations").begin_object();
  json.key("proxy.istio.io/config").string(text).end_object().end_object().end_object();
  return json.take();
}

TEST_CASE("A Pod's annotation may choose a signer of its namespace's tenant") {
  const std::string place = "annotation proxy.istio.io/config";
  const std::string refused = "; tenant \"foo\" may use \"foo\" (tenants[foo].signers)";
  const auto [text, expected] = GENERATE_COPY(table<std::string, std::string>({
      {"proxyMetadata:\n  ISTIO_META_CERT_SIGNER: foo\n", "allowed"},
      {"proxyMetadata:\n  ISTIO_META_CERT_SIGNER: istio-system\n", "warned"},
      {"proxyMetadata:\n  OTHER: x\n", "allowed"},
      {"concurrency: 2\n", "allowed"},
      {"", "allowed"},
      {"proxyMetadata:\n", "allowed"},
      {"proxyMetadata:\n  ISTIO_META_CERT_SIGNER: bar\n",
       "SignerNotAllowed: " + place + ", proxyMetadata.ISTIO_META_CERT_SIGNER asks for signer \"bar\"" + refused},
      {"proxy_metadata: {ISTIO_META_CERT_SIGNER: bar}",
       "SignerNotAllowed: " + place + ", proxy_metadata.ISTIO_META_CERT_SIGNER asks for signer \"bar\"" + refused},
      {R"({"proxyMetadata": {"ISTIO_META_CERT_SIGNER": "bar"}})",
       "SignerNotAllowed: " + place + ", proxyMetadata.ISTIO_META_CERT_SIGNER asks for signer \"bar\"" + refused},
      {"proxyMetadata: {ISTIO_META_CERT_SIGNER: foo}\nproxy_metadata: {ISTIO_META_CERT_SIGNER: bar}",
       "SignerNotAllowed: " + place + ", proxy_metadata.ISTIO_META_CERT_SIGNER asks for signer \"bar\"" + refused},
      {"proxyMetadata: {ISTIO_META_CERT_SIGNER: 1e3}",
       "SignerNotAllowed: " + place + ", proxyMetadata.ISTIO_META_CERT_SIGNER is not a text; write the signer's name"},
      {"proxyMetadata: {ISTIO_META_CERT_SIGNER: [foo]}",
       "SignerNotAllowed: " + place + ", proxyMetadata.ISTIO_META_CERT_SIGNER is not a text; write the signer's name"},
      {"- a", "RequestMalformed: " + place + ": must be a map"},
      {"proxyMetadata: x", "RequestMalformed: " + place + ": proxyMetadata: must be a map"},
      {"a: [", "RequestMalformed: " + place + ": 1:1: not YAML: end of sequence flow not found"},
      {"# a comment\rproxyMetadata: {ISTIO_META_CERT_SIGNER: bar}",
       "RequestMalformed: " + place +
           ": 1:12: a character that some readers of YAML take for the end of a line, others not (CR alone, NEL, LS, "
           "PS), "
           "or a byte order mark inside the text"},
      {"a: &x 1",
       "RequestMalformed: " + place + ": 1:4: anchors are not allowed: write the value out where it is used"},
      {"proxyMetadata: {A: 1, A: 2}",
       "RequestMalformed: " + place + ": 1:23: key \"A\" is repeated; it stands in line 1 already"},
  }));
  CAPTURE(text);
  CHECK(answer(validate_pod, "foo", pod_with_annotation(text)) == expected);
}

TEST_CASE("The environment of every container of a Pod is judged") {
  const std::string list = GENERATE("initContainers", "containers", "ephemeralContainers");
  const auto [variable, expected] = GENERATE(table<std::string, std::string>({
      {R"("value":"foo")", "allowed"},
      {R"("value":"istio-system")", "warned"},
      {R"("value":"bar")",
       "SignerNotAllowed: spec.LIST[1].env[1] asks for signer \"bar\"; tenant \"foo\" may use \"foo\" "
       "(tenants[foo].signers)"},
      {R"("valueFrom":{"configMapKeyRef":{"name":"a","key":"b"}})",
       "SignerNotAllowed: spec.LIST[1].env[1] takes ISTIO_META_CERT_SIGNER from elsewhere (valueFrom), where nobody "
       "can "
       "judge it; write the signer's name"},
      {"\"value\":\"$(OTHER)\"",
       "SignerNotAllowed: spec.LIST[1].env[1] makes ISTIO_META_CERT_SIGNER of other variables (\"$(OTHER)\"), which "
       "nobody can judge; write the signer's name"},
  }));
  CAPTURE(list, variable);
  const std::string object = R"({"metadata":{},"spec":{")" + list +
                             R"(":[{"name":"a"},{"name":"b","env":[{"name":"A","value":"bar"},)" +
                             R"({"name":"ISTIO_META_CERT_SIGNER",)" + variable + "}]}]}}";
  std::string message = expected;
  if (const std::size_t at = message.find("LIST"); at != std::string::npos) {
    message.replace(at, 4, list);
  }
  CHECK(answer(validate_pod, "foo", object) == message);
}

TEST_CASE(
    "Locked variables of the proxy's container are judged wherever they come from, and an application's are not") {
  const Policy locked = policy_with([](PolicyModel& model) {
    model.locked_variables = {{"CA_ADDR", {"istiod:15012"}}};
  });
  const std::string refused = "VariableLocked: spec.containers[0].env";
  const auto [container, expected] = GENERATE_COPY(table<std::string, std::string>({
      {R"({"name":"istio-proxy","env":[{"name":"CA_ADDR","value":"istiod:15012"}]})", "allowed"},
      {R"({"name":"istio-proxy","env":[{"name":"OTHER","value":"x"}]})", "allowed"},
      {R"({"name":"istio-proxy","envFrom":[]})", "allowed"},
      {R"({"name":"app","env":[{"name":"CA_ADDR","value":"evil:15012"}],"envFrom":[{"configMapRef":{"name":"a"}}]})",
       "allowed"},
      {R"({"name":"istio-proxy","env":[{"name":"CA_ADDR","value":"evil:15012"}]})",
       refused + "[0] sets it to \"evil:15012\"; it may be \"istiod:15012\" (lockedVariables[CA_ADDR])"},
      {R"({"name":"istio-proxy","envFrom":[{"configMapRef":{"name":"a"}}]})",
       refused + "From takes it from where nobody can judge it; it may be \"istiod:15012\" (lockedVariables[CA_ADDR])"},
  }));
  CAPTURE(container);
  CHECK(answer(validate_pod, "foo", R"({"metadata":{},"spec":{"containers":[)" + container + "]}}",
               AdmissionRequest::Operation::kCreate, "null", locked) == expected);
}

TEST_CASE("A CertificateRequest that is not to be judged is refused whatever the modes") {
  const Policy relaxed = policy_with([](PolicyModel& model) { model.modes.all = Mode::kAudit; });
  CHECK_THAT(answer(validate_certificate_request, "bar",
                    R"({"spec":{"isCA":true,"issuerRef":{"name":"foo","kind":"ClusterIssuer"}}})",
                    AdmissionRequest::Operation::kCreate, "null", relaxed),
             Catch::StartsWith("SignerNotAllowed: spec.issuerRef names"));
}

TEST_CASE("A CertificateRequest for a signer of the policy is refused, for it would go around the CSR") {
  const std::string refused =
      "SignerNotAllowed: spec.issuerRef names \"clusterissuers.cert-manager.io/foo\", which signs for its tenant by "
      "CertificateSigningRequest only (tenants[].signers, certificateRequests)";
  const auto [issuer, expected] = GENERATE_COPY(table<std::string, std::string>({
      {R"({"name":"foo","kind":"ClusterIssuer","group":"cert-manager.io"})", refused},
      {R"({"name":"foo","kind":"ClusterIssuer"})", refused},
      {R"({"name":"foo","kind":"Issuer"})", "allowed"},
      {R"({"name":"foo"})", "allowed"},
      {R"({"name":"letsencrypt","kind":"ClusterIssuer"})", "allowed"},
      {R"({"name":"foo","kind":"ClusterIssuer","group":"example.com"})", "allowed"},
      {R"({"name":7,"kind":"ClusterIssuer"})", "RequestMalformed: spec.issuerRef.name: must be a string"},
  }));
  CAPTURE(issuer);
  CHECK(answer(validate_certificate_request, "bar", R"({"spec":{"issuerRef":)" + issuer + "}}") == expected);
}

TEST_CASE("A namespaced Issuer of the policy is told apart by its namespace") {
  PolicyModel model = policy().model();
  model.signer_domain = "issuers.cert-manager.io";
  model.tenants[0].signers = {"foo.ca"};
  const Policy namespaced(model, "digest");
  const auto document = JsonDocument::parse(R"({"spec":{"issuerRef":{"name":"ca","kind":"Issuer"}}})");
  REQUIRE(document);
  AdmissionRequest request;
  request.object = document->root();
  const ReviewContext context{
      .policy = namespaced, .namespaces = KnownNamespaces(), .issuers = nullptr, .self = {}, .now = {}};
  request.name_space = "foo";
  CHECK_FALSE(validate_certificate_request(request, context).answer.allowed);
  request.name_space = "bar";
  CHECK(validate_certificate_request(request, context).answer.allowed);
}

}  // namespace
}  // namespace signet
