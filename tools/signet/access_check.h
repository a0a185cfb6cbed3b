#pragma once

#include <string>
#include <vector>

#include "signer/kube/csr_watcher.h"
#include "signer/kube/kube_api.h"

namespace signet {

/// What the API server's RBAC refuses us, whom it calls `self`, of what signing for these signers needs: one sentence
/// each with the rule that is missing; empty if nothing. An error: it could not be asked.
[[nodiscard]] KubeResult<std::vector<std::string>> missing_permissions(KubeApi& api, const std::string& self,
                                                                       const SignerNames& signers);

}  // namespace signet
