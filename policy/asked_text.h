#pragma once

#include <string>

#include "policy/policy.h"

namespace signet {

/// What a check looked at, for people: the requester, the names, the lifetime that were asked for. `tenant` is whose
/// request it is, or null. The namespace's labels are not among it.
[[nodiscard]] std::string asked_text(Reason check, const Policy& policy, const SigningRequest& request,
                                     const PolicyModel::Tenant* tenant);

}  // namespace signet
