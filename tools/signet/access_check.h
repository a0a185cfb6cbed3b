#pragma once

#include <string>
#include <vector>

#include "policy/policy.h"
#include "signer/kube/kube_api.h"
#include "tools/signet/server.h"

namespace signet {

/// What the API server's RBAC refuses us of what this role needs under this policy, one sentence each with the rule
/// that is missing; empty if nothing. Who only guards needs the namespaces' labels, where a policy asks for them, and
/// nothing else. An error: it could not be asked.
[[nodiscard]] KubeResult<std::vector<std::string>> missing_permissions(KubeApi& api, const Policy& policy,
                                                                       const ServerRole& role);

}  // namespace signet
