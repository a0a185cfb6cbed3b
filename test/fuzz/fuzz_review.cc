// Any body of a review is answered with a review, or refused with a reason; and a patch is only ever given by mutation.

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "policy/policy_loader.h"
#include "signer/kube/json.h"
#include "webhook/reviewer.h"

namespace {

constexpr std::string_view kPolicy =
    "apiVersion: signet/v1alpha1\n"
    "kind: SignerPolicy\n"
    "metadata: {name: fuzz}\n"
    "spec:\n"
    "  trustDomains: [cluster.local]\n"
    "  signerDomain: clusterissuers.cert-manager.io\n"
    "  defaultSigner: istio-system\n"
    "  requesters: ['system:serviceaccount:istio-system:istiod', self]\n"
    "  certificateRequests: evaluate\n"
    "  certificate: {keys: [ECDSA-P256, RSA-2048], usages: [digital signature, key encipherment, server auth, client "
    "auth], maxDuration: 24h}\n"
    "  tenants:\n"
    "  - {name: foo, namespaces: [foo], signers: [foo]}\n"
    "  - {name: bar, namespaces: [bar], signers: [bar]}\n"
    "  - {name: mesh, namespaces: [istio-system], signers: [istio-system], dnsNames: [istiod.istio-system.svc]}\n";

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const signet::Policy policy(signet::load_policy(kPolicy, "policy.yaml").value(), "digest");
  const signet::ReviewContext context{
      .policy = policy, .namespaces = signet::KnownNamespaces(), .issuers = nullptr, .self = "signet", .now = {}};
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  for (const auto kind : {signet::ReviewKind::kValidate, signet::ReviewKind::kMutate}) {
    const auto reviewed = signet::review(kind, body, context);
    if (!reviewed) {
      continue;
    }
    const auto answer = signet::JsonDocument::parse(reviewed->body);
    if (!answer) {
      std::abort();
    }
    const signet::JsonView response = answer->root().get("response");
    const auto allowed = response.get("allowed").as_bool();
    const bool mutates = kind == signet::ReviewKind::kMutate;
    if (!allowed || (mutates && !*allowed) || (!mutates && response.get("patch").exists()) ||
        (!*allowed && response.at("status", "message").as_string().value_or("").empty())) {
      std::abort();
    }
  }
  return 0;
}
