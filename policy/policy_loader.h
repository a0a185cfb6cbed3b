#pragma once

#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "policy/policy.h"

namespace signet {

/// The largest policy file that is read: 10,000 tenants take 2 MiB.
inline constexpr std::size_t kMaxPolicyBytes = 16U << 20U;

/// One thing that is wrong with a policy file.
struct PolicyProblem {
  std::string file;
  int line = 0;    ///< from 1; 0 where the whole file is meant
  int column = 0;  ///< from 1, in bytes
  std::string message;

  friend bool operator==(const PolicyProblem&, const PolicyProblem&) = default;
};

/// "file:line:column: message".
[[nodiscard]] std::string to_string(const PolicyProblem& problem);

/// Reads a policy in YAML. `file` is what problems call it. Either a model that means what the text says, or every
/// problem that could be found, in the order of their places.
[[nodiscard]] tl::expected<PolicyModel, std::vector<PolicyProblem>> load_policy(std::string_view yaml,
                                                                                std::string_view file);

}  // namespace signet
