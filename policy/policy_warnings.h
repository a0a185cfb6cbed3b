#pragma once

#include <string_view>
#include <vector>

#include "policy/policy.h"
#include "policy/policy_problem.h"
#include "policy/yaml_document.h"

namespace signet {

/// What a policy that can be used says and can hardly mean, because it is dangerous or never comes true: rules of
/// severity kWarning, in the order of their places. `model` is what was read from `root` without a problem.
[[nodiscard]] std::vector<PolicyProblem> policy_warnings(const YamlNode& root, const PolicyModel& model,
                                                         std::string_view file);

}  // namespace signet
