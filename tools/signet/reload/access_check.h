#pragma once

#include <string>
#include <vector>

#include "policy/policy.h"
#include "signer/kube/kube_api.h"
#include "tools/signet/serving/serving_keeper.h"

namespace signet {

/// What must be allowed to whoever keeps this policy: to sign what it governs, and to see the namespaces where it asks
/// for their labels, which is all that who only guards needs.
[[nodiscard]] std::vector<AccessQuestion> needed_permissions(const Policy& policy, bool signs);

/// What must be allowed to whoever takes part in the election for a Lease.
[[nodiscard]] std::vector<AccessQuestion> lease_permissions(const std::string& name_space, const std::string& name);

/// What must be allowed to whoever keeps a serving certificate there. That the Secret may be created is not among it:
/// it may be there already.
[[nodiscard]] std::vector<AccessQuestion> serving_permissions(const ServingPlace& place);

/// Which of these the API server's RBAC refuses us, whom it calls `self`: one sentence each with the rule that is
/// missing; empty if nothing. An error: it could not be asked.
[[nodiscard]] KubeResult<std::vector<std::string>> missing_permissions(KubeApi& api, const std::string& self,
                                                                       const std::vector<AccessQuestion>& questions);

}  // namespace signet
