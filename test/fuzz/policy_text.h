#pragma once

#include <string_view>

namespace signet::fuzz {

// Two tenants, and the mesh itself, whose signer is the default.
inline constexpr std::string_view kPolicy =
    "apiVersion: signet/v1alpha1\n"
    "kind: SignerPolicy\n"
    "metadata: {name: fuzz}\n"
    "spec:\n"
    "  trustDomains: [cluster.local]\n"
    "  signerDomain: clusterissuers.cert-manager.io\n"
    "  defaultSigner: istio-system\n"
    "  requesters: ['system:serviceaccount:istio-system:istiod', self]\n"
    "  certificateRequests: evaluate\n"
    "  lockedVariables: [{name: CA_ADDR, values: ['istiod.istio-system.svc:15012']}]\n"
    "  certificate: {keys: [ECDSA-P256, RSA-2048], usages: [digital signature, key encipherment, server auth, client "
    "auth], maxDuration: 24h}\n"
    "  tenants:\n"
    "  - {name: foo, namespaces: [foo], signers: [foo]}\n"
    "  - {name: bar, namespaces: [bar], signers: [bar]}\n"
    "  - {name: mesh, namespaces: [istio-system], signers: [istio-system], dnsNames: [istiod.istio-system.svc]}\n";

}  // namespace signet::fuzz
