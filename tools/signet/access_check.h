#pragma once

#include <string>
#include <vector>

#include "policy/policy.h"
#include "signer/kube/kube_api.h"

namespace signet {

/// What the API server's RBAC refuses us of what signing needs, one sentence each with the rule that is missing; empty
/// if nothing. An error: it could not be asked.
[[nodiscard]] KubeResult<std::vector<std::string>> missing_permissions(KubeApi& api, const Policy& policy);

}  // namespace signet
