#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "policy/policy.h"
#include "signer/issue/ca_states.h"

namespace signet {

// What Istio is told of a policy, as YAML: what its task for CAs behind the Kubernetes CSR API
// (https://istio.io/latest/docs/tasks/security/custom-ca-k8s/) has a person write by hand.

/// A ProxyConfig (networking.istio.io/v1beta1) for each namespace of a tenant, "<namespace>pc", that names the tenant's
/// first signer: for those that the policy names, and those of `namespaces` that are the tenant's by a pattern or by
/// their labels. None for the root namespace: it would reach every other.
[[nodiscard]] std::string render_proxy_configs(const Policy& policy, const KnownNamespaces& namespaces);

/// The tenants of which the policy alone does not say which namespaces they have.
[[nodiscard]] std::vector<std::string_view> tenants_by_pattern_or_label(const Policy& policy);

/// The MeshConfig: the default signer, and for each signer of `cas` the root that its certificates lead to, and
/// beside it that of a CA that waits to be activated.
[[nodiscard]] std::string render_mesh_config(const Policy& policy, const CaStates& cas);

/// An IstioOperator (install.istio.io/v1alpha1) with that MeshConfig, the environment of an istiod that asks the
/// policy's signers, and the right to approve requests for these and no others.
[[nodiscard]] std::string render_istio_operator(const Policy& policy, const CaStates& cas);

}  // namespace signet
