#pragma once

#include <vector>

#include "policy/policy.h"
#include "tools/signet/render/admission_policy.h"

namespace signet {

/// Variables that tell whose the namespace of a request is, as Tenancy does, by its name and its labels. The last is
/// `tenant`: its name, empty where the namespace is nobody's.
[[nodiscard]] std::vector<AdmissionPolicy::Variable> tenancy_variables(const Policy& policy);

}  // namespace signet
