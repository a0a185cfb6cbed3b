// Any line of an audit log is read or refused with a reason; a request that was read is written as it was read, and
// some policy decides on it.

#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "policy/policy_loader.h"
#include "signer/audit/read_record.h"
#include "signer/audit/recorded_request_json.h"

namespace {

constexpr std::string_view kPolicy =
    "apiVersion: signet/v1alpha1\n"
    "kind: SignerPolicy\n"
    "metadata: {name: fuzz}\n"
    "spec:\n"
    "  trustDomains: [cluster.local]\n"
    "  signerDomain: clusterissuers.cert-manager.io\n"
    "  routedSigner: routed\n"
    "  requesters: ['system:serviceaccount:istio-system:istiod', self]\n"
    "  certificate: {keys: [ECDSA-P256], usages: [server auth, client auth], maxDuration: 24h}\n"
    "  tenants:\n"
    "  - {name: foo, namespaces: [foo], signers: [foo], dnsNames: [foo.svc]}\n";

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const signet::Policy policy(signet::load_policy(kPolicy, "policy.yaml").value(), "digest");
  const auto read = signet::read_record({reinterpret_cast<const char*>(data), size});
  if (!read) {
    if (read.error().empty()) {
      std::abort();
    }
    return 0;
  }
  if (const auto& request = read->record.request) {
    const std::string text = signet::to_json(*request);
    const auto document = signet::JsonDocument::parse(text);
    const auto again = signet::read_recorded_request(document.value().root());
    if (signet::to_json(again.value()) != text) {
      std::abort();
    }
    static_cast<void>(policy.adjust(request->facts, signet::KnownNamespaces()));
    static_cast<void>(policy.evaluate(request->facts, signet::KnownNamespaces()));
  }
  return 0;
}
