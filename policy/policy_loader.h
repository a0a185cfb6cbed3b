#pragma once

#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "policy/policy.h"
#include "policy/policy_problem.h"

namespace signet {

/// The largest policy file that is read: 10,000 tenants take 2 MiB.
inline constexpr std::size_t kMaxPolicyBytes = 16U << 20U;

/// A policy that can be used, and what is doubtful about it (policy_warnings.h).
struct LoadedPolicy {
  PolicyModel model;
  std::vector<PolicyProblem> warnings;
};

/// Reads a policy in YAML. `file` is what problems call it. Either a model that means what the text says, or every
/// problem that could be found, in the order of their places.
[[nodiscard]] tl::expected<LoadedPolicy, std::vector<PolicyProblem>> load_policy_with_warnings(std::string_view yaml,
                                                                                               std::string_view file);

/// The model alone.
[[nodiscard]] tl::expected<PolicyModel, std::vector<PolicyProblem>> load_policy(std::string_view yaml,
                                                                                std::string_view file);

}  // namespace signet
