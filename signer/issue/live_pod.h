#pragma once

#include <string>

#include "policy/spiffe_id.h"
#include "signer/kube/kube_api.h"

namespace signet {

/// Why a request that a service account made for its own identity `id` did not come from a pod that is alive; empty
/// where it did: the token it came with is bound to a pod (spec.extra, which the API server fills in; a token of a file
/// or a Secret is bound to none), and that very pod is there, runs under the account, has not ended and is not being
/// deleted. A token outlives its pod by the time that is left in it, which need not be short.
/// https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/#bound-service-account-tokens
[[nodiscard]] KubeResult<std::string> live_pod_problem(const CertificateSigningRequest& csr, const SpiffeId& id,
                                                       KubeApi& api);

}  // namespace signet
