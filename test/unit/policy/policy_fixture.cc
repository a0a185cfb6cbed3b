#include "test/unit/policy/policy_fixture.h"

#include <catch2/catch.hpp>

#include "policy/ip_address.h"
#include "policy/policy_loader.h"

namespace signet {
namespace {

using Type = SubjectAltName::Type;

SigningRequest request_for(std::vector<SubjectAltName> names, const std::string& signer) {
  return {.uid = "uid-1",
          .name = "csr-1",
          .signer_name = "example.com/" + signer,
          .requester = std::string(kIstiod),
          .requester_groups = {"system:serviceaccounts", "system:serviceaccounts:istio-system"},
          .usages = {"server auth", "client auth"},
          .expiration_seconds = 3600,
          .annotated_duration = std::nullopt,
          .annotated_is_ca = std::nullopt,
          .pkcs10 = Pkcs10Facts{.key_type = KeyType::kEcdsaP256,
                                .key_name = "ECDSA-P256",
                                .spki = "spki",
                                .signature = Pkcs10Facts::Signature::kVerified,
                                .subject_alt_name_extensions = 1,
                                .names = std::move(names),
                                .ca_requested = false,
                                .usages = {},
                                .other_extensions = {}}};
}

}  // namespace

PolicyModel model_of(std::string_view spec) {
  const std::string yaml =
      "apiVersion: signet/v1alpha1\nkind: SignerPolicy\nmetadata: {name: p}\nspec:\n"
      "  trustDomains: [cluster.local]\n  signerDomain: example.com\n"
      "  requesters: ['" +
      std::string(kIstiod) +
      "', self]\n"
      "  certificate: {keys: [ECDSA-P256, RSA-2048], usages: [server auth, client auth], maxDuration: 24h}\n" +
      std::string(spec);
  auto model = load_policy(yaml, "p.yaml");
  if (!model) {
    FAIL(to_report(model.error().front()));
  }
  return *std::move(model);
}

Policy policy_of(std::string_view spec) { return Policy(model_of(spec), "digest"); }

SigningRequest workload_request(const std::string& ns, const std::string& account, const std::string& signer) {
  return request_for({{Type::kUri, "spiffe://cluster.local/ns/" + ns + "/sa/" + account}}, signer);
}

SigningRequest service_request(const std::vector<std::string>& names, const std::string& signer) {
  std::vector<SubjectAltName> subject_alt_names;
  for (const std::string& name : names) {
    subject_alt_names.push_back({canonical_ip_address(name) ? Type::kIp : Type::kDns, name});
  }
  return request_for(std::move(subject_alt_names), signer);
}

SigningRequest asked_by(const std::string& requester, const std::vector<std::string>& groups, SigningRequest request) {
  request.requester = requester;
  request.requester_groups = groups;
  return request;
}

std::string codes(const Decision& decision) {
  std::string told;
  for (const Finding& finding : decision.findings) {
    told += (told.empty() ? "" : " ") + std::string(to_string(finding.reason));
    told += finding.mode == Mode::kEnforce ? "" : ":" + std::string(to_string(finding.mode));
  }
  return told;
}

}  // namespace signet
