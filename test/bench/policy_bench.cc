// How long a policy takes to load and to decide, of few tenants and of many: build/release/test/signet_bench
#define CATCH_CONFIG_MAIN
#define CATCH_CONFIG_ENABLE_BENCHMARKING
#include <catch2/catch.hpp>
#include <memory>
#include <string>

#include "policy/policy_loader.h"

namespace signet {
namespace {

constexpr int kNamespacesOfATenant = 5;

enum class By { kNames, kPatterns, kLabels };

std::string policy_of(int tenants, By by) {
  std::string yaml = R"(
apiVersion: signet/v1alpha1
kind: SignerPolicy
metadata: {name: bench}
spec:
  trustDomains: [cluster.local]
  signerDomain: example.com
  requesters: [istiod]
  namespaceAdmins: [platform]
  certificate: {keys: [ECDSA-P256], usages: [server auth, client auth], maxDuration: 24h}
  tenants:
)";
  for (int i = 0; i < tenants; ++i) {
    const std::string name = "tenant-" + std::to_string(i);
    yaml += "  - name: " + name + "\n    signers: [" + name + "]\n";
    switch (by) {
      case By::kNames:
        yaml += "    namespaces:\n";
        for (int k = 0; k < kNamespacesOfATenant; ++k) {
          yaml += "    - " + name + "-team-" + std::to_string(k) + "\n";
        }
        break;
      case By::kPatterns:
        yaml += "    namespaces: [" + name + "-*]\n";
        break;
      case By::kLabels:
        // As namespaces of a mesh are labelled: one label that all have, one that tells them apart.
        yaml +=
            "    namespaceSelector:\n      matchLabels:\n        istio-injection: enabled\n        tenant: " + name +
            "\n";
        break;
    }
  }
  return yaml;
}

SigningRequest request_of(const std::string& tenant) {
  return {.uid = "uid",
          .name = "csr",
          .signer_name = "example.com/" + tenant,
          .requester = "istiod",
          .requester_groups = {},
          .usages = {"server auth", "client auth"},
          .expiration_seconds = 3600,
          .annotated_duration = std::nullopt,
          .annotated_is_ca = std::nullopt,
          .pkcs10 = Pkcs10Facts{
              .key_type = KeyType::kEcdsaP256,
              .key_name = "ECDSA-P256",
              .spki = "spki",
              .signature = Pkcs10Facts::Signature::kVerified,
              .subject_alt_name_extensions = 1,
              .names = {{SubjectAltName::Type::kUri, "spiffe://cluster.local/ns/" + tenant + "-team-3/sa/app"}},
              .ca_requested = false,
              .usages = {},
              .other_extensions = {}}};
}

TEST_CASE("Loading and deciding") {
  const auto [what, by] =
      GENERATE(table<std::string, By>({{"names", By::kNames}, {"patterns", By::kPatterns}, {"labels", By::kLabels}}));
  for (const int tenants : {10, 10000}) {
    const std::string yaml = policy_of(tenants, by);
    const std::string of = " " + std::to_string(tenants) + " tenants by " + what;
    BENCHMARK("load" + of) { return Policy(*load_policy(yaml, "bench.yaml"), "digest"); };

    const Policy policy(*load_policy(yaml, "bench.yaml"), "digest");
    const std::string tenant = "tenant-" + std::to_string(tenants / 2);
    const KnownNamespaces namespaces({{tenant + "-team-3", std::make_shared<const Labels>(Labels{
                                                               {"istio-injection", "enabled"}, {"tenant", tenant}})}});
    const SigningRequest request = request_of(tenant);
    REQUIRE(policy.evaluate(request, namespaces).grant);
    BENCHMARK("decide" + of) { return policy.evaluate(request, namespaces); };
  }
}

}  // namespace
}  // namespace signet
