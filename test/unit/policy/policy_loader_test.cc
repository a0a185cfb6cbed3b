#include "policy/policy_loader.h"

#include <catch2/catch.hpp>
#include <fstream>
#include <sstream>

namespace signet {
namespace {

using std::chrono::hours;

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  REQUIRE(file);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::string problems_of(std::string_view yaml) {
  const auto model = load_policy(yaml, "p.yaml");
  std::string text;
  if (!model) {
    for (const PolicyProblem& problem : model.error()) {
      text += to_string(problem) + "\n";
    }
  }
  return text;
}

// A whole policy with one tenant, whose `spec` begins in line 4.
std::string with_spec(std::string_view spec) {
  return "apiVersion: signet/v1alpha1\nkind: SignerPolicy\nmetadata: {name: p}\n" + std::string(spec);
}

constexpr std::string_view kSpec =
    "spec:\n"
    "  trustDomains: [cluster.local]\n"
    "  signerDomain: example.com\n"
    "  requesters: [self]\n"
    "  certificate: {keys: [ECDSA-P256], usages: [server auth], maxDuration: 1h}\n"
    "  tenants:\n"
    "  - {name: a, namespaces: [a], signers: [a]}\n";

TEST_CASE("The smallest complete policy means what its comments say") {
  const auto model = load_policy(read_file(SIGNET_TESTDATA "/policy.yaml"), "policy.yaml");
  REQUIRE(model);
  CHECK(model->name == "mesh");
  CHECK(model->trust_domains == std::vector<std::string>{"cluster.local"});
  CHECK(model->signer_domain == "clusterissuers.cert-manager.io");
  CHECK(model->default_signer == "istio-system");
  CHECK(model->root_namespace == "istio-system");
  CHECK(model->requesters == std::vector<std::string>{"system:serviceaccount:istio-system:istiod", "self"});
  CHECK(model->other_signers == PolicyModel::OtherSigners::kDeny);
  CHECK(model->certificate_requests == PolicyModel::CertificateRequests::kDeny);
  CHECK(model->routed_signer.empty());
  CHECK(model->issuers.empty());
  REQUIRE(model->tenants.size() == 3);
  CHECK(model->tenants[0].certificate.max_duration == hours(24));
  CHECK(model->tenants[0].certificate.keys.size() == 5);
  CHECK(model->tenants[2].name == "mesh");
  CHECK(model->tenants[2].dns_names.size() == 3);
  CHECK(model->tenants[2].certificate.max_duration == hours(2160));
  CHECK(model->tenants[2].certificate.usages.size() == 4);
}

TEST_CASE("Optional fields are read") {
  const auto model = load_policy(
      with_spec(std::string(kSpec) + "    requesters: [alice]\n"
                                     "  routedSigner: routed\n  otherSigners: pass\n  issuers: [bob]\n"
                                     "  rootNamespace: mesh\n  signers: [{name: a, secretName: a-ca-selfsigned}]\n"),
      "p.yaml");
  INFO((model ? "" : to_string(model.error().front())));
  REQUIRE_FALSE(model);  // a flow map cannot go on in block style
  const auto good = load_policy(
      with_spec(std::string(kSpec) + "  routedSigner: routed\n  otherSigners: pass\n  issuers: [bob]\n"
                                     "  certificateRequests: evaluate\n"
                                     "  rootNamespace: mesh\n  signers: [{name: a, secretName: a-ca-selfsigned}]\n"),
      "p.yaml");
  REQUIRE(good);
  CHECK(good->routed_signer == "routed");
  CHECK(good->other_signers == PolicyModel::OtherSigners::kPass);
  CHECK(good->certificate_requests == PolicyModel::CertificateRequests::kEvaluate);
  CHECK(good->issuers == std::vector<std::string>{"bob"});
  CHECK(good->root_namespace == "mesh");
  REQUIRE(good->signers.size() == 1);
  CHECK(good->signers[0].secret_name == "a-ca-selfsigned");
}

TEST_CASE("Every problem of a policy is told with its place, in their order") {
  const auto [name, yaml, expected] = GENERATE(table<std::string, std::string, std::string>({
      {"nothing", "", "p.yaml: is empty; a policy has apiVersion, kind, metadata and spec\n"},
      {"not a map", "- a", "p.yaml:1:1: must be a map\n"},
      {"keys missing", "kind: SignerPolicy",
       "p.yaml:1:1: key \"apiVersion\" is missing\np.yaml:1:1: key \"metadata\" is missing\n"
       "p.yaml:1:1: key \"spec\" is missing\n"},
      {"another kind", "apiVersion: signet/v2\nkind: Policy\nmetadata: {name: No}\nspec: x",
       "p.yaml:1:13: apiVersion: must be \"signet/v1alpha1\", not \"signet/v2\"\n"
       "p.yaml:2:7: kind: must be \"SignerPolicy\", not \"Policy\"\n"
       "p.yaml:3:18: metadata.name: must be a text; \"No\" without quotes is something else to YAML readers (a number, "
       "a "
       "boolean, a null): quote it\n"
       "p.yaml:4:7: spec: must be a map\n"},
      {"names of all kinds",
       with_spec("spec:\n"
                 "  trustDomains: [Cluster.local, spiffe://x]\n"
                 "  signerDomain: nodots\n"
                 "  requesters: ['a b']\n"
                 "  tenats: []\n"
                 "  otherSigners: maybe\n"
                 "  certificateRequests: sometimes\n"
                 "  tenants: []\n"),
       "p.yaml:5:18: spec.trustDomains[0]: \"Cluster.local\" is not a SPIFFE trust domain\n"
       "p.yaml:5:33: spec.trustDomains[1]: \"spiffe://x\" is not a SPIFFE trust domain\n"
       "p.yaml:6:17: spec.signerDomain: \"nodots\" is not a DNS name with a dot\n"
       "p.yaml:7:16: spec.requesters[0]: \"a b\" is not a user name such as "
       "system:serviceaccount:<namespace>:<name>, or self\n"
       "p.yaml:8:3: spec: unknown key \"tenats\"; known are trustDomains, signerDomain, defaultSigner, rootNamespace, "
       "routedSigner, otherSigners, certificateRequests, requesters, requesterGroups, namespaceAdmins, issuers, "
       "lockedVariables, signers, certificate, modes, tenants\n"
       "p.yaml:9:17: spec.otherSigners: \"maybe\" is not deny or pass\n"
       "p.yaml:10:24: spec.certificateRequests: \"sometimes\" is not deny or evaluate\n"
       "p.yaml:11:12: spec.tenants: must not be empty\n"},
      {"overlaps",
       with_spec(std::string(kSpec) + "  - {name: b, namespaces: [b, a], signers: [b], dnsNames: [x.y]}\n"
                                      "  - {name: a, namespaces: [c, c], signers: [c], dnsNames: [x.y]}\n"),
       "p.yaml:11:31: spec.tenants[1].namespaces[1]: \"a\" belongs to tenant \"a\" already (line 10)\n"
       "p.yaml:12:12: spec.tenants[2].name: \"a\" belongs to tenant \"a\" already (line 10)\n"
       "p.yaml:12:31: spec.tenants[2].namespaces[1]: \"c\" is repeated; it stands in line 12 already\n"
       "p.yaml:12:60: spec.tenants[2].dnsNames[0]: \"x.y\" belongs to tenant \"b\" already (line 11)\n"},
      {"limits that make no sense",
       with_spec("spec:\n"
                 "  trustDomains: [cluster.local]\n"
                 "  signerDomain: example.com\n"
                 "  requesters: [self]\n"
                 "  certificate: {keys: [RSA-1024], usages: [cert sign, server auth, server auth]}\n"
                 "  tenants:\n"
                 "  - {name: a, namespaces: [a], signers: [a], certificate: {maxDuration: 9m59s}}\n"
                 "  - {name: b, namespaces: [1e3], signers: [no], certificate: {maxDuration: forever}}\n"
                 "  - {name: c, namespaces: [c], signers: [C]}\n"),
       "p.yaml:8:24: spec.certificate.keys[0]: \"RSA-1024\" is not a key type that can be signed: ECDSA-P256, "
       "ECDSA-P384, "
       "RSA-2048, RSA-3072, RSA-4096\n"
       "p.yaml:8:44: spec.certificate.usages[0]: \"cert sign\" is not a usage that can be signed: digital signature, "
       "content commitment, key encipherment, data encipherment, key agreement, server auth, client auth\n"
       "p.yaml:8:68: spec.certificate.usages[2]: \"server auth\" is repeated; it stands in line 8 already\n"
       "p.yaml:10:73: spec.tenants[0].certificate.maxDuration: \"9m59s\" is shorter than 10m, the least that "
       "Kubernetes "
       "lets anybody ask for\n"
       "p.yaml:11:28: spec.tenants[1].namespaces[0]: must be a text; \"1e3\" without quotes is something else to YAML "
       "readers (a number, a boolean, a null): quote it\n"
       "p.yaml:11:44: spec.tenants[1].signers[0]: must be a text; \"no\" without quotes is something else to YAML "
       "readers "
       "(a number, a boolean, a null): quote it\n"
       "p.yaml:11:76: spec.tenants[1].certificate.maxDuration: \"forever\" is not a duration such as 24h or 1h30m (at "
       "most "
       "596523h)\n"
       "p.yaml:12:5: spec.tenants[2]: has no certificate.maxDuration and inherits none from spec.certificate\n"
       "p.yaml:12:42: spec.tenants[2].signers[0]: \"C\" is not a signer's name without its domain (a-z, 0-9, '-' and "
       "'.')\n"},
      {"routed signer of a tenant, secret of nobody's signer",
       with_spec(std::string(kSpec) + "  routedSigner: a\n  signers:\n  - {name: z, secretName: s}\n"),
       "p.yaml:11:17: spec.routedSigner: \"a\" is a signer of a tenant; the routed signer must be a name of its own\n"
       "p.yaml:13:5: spec.signers[0]: no tenant has signer \"z\"\n"},
      {"an alias", with_spec("spec: *x"), "p.yaml:4:7: not YAML: the referenced anchor is not defined\n"},
  }));
  CAPTURE(name);
  CHECK(problems_of(yaml) == expected);
}

TEST_CASE("A policy with a problem never yields a model, wherever its text is cut") {
  const std::string whole = with_spec(kSpec);
  REQUIRE(load_policy(whole, "p.yaml"));
  for (std::size_t size = 0; size < whole.size() - 2; ++size) {
    CAPTURE(size);
    CHECK_FALSE(load_policy(std::string_view(whole).substr(0, size), "p.yaml"));
  }
}

TEST_CASE("A file that is too large is refused before it is read") {
  CHECK_THAT(problems_of(std::string(kMaxPolicyBytes + 1, ' ')), Catch::Contains("bytes; at most 16777216 are read"));
}

}  // namespace
}  // namespace signet
