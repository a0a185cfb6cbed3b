#pragma once

#include <span>
#include <string>
#include <vector>

#include "policy/policy_problem.h"

namespace signet {

/// What a check of a policy file found, for programs. Where there are errors there are no warnings.
struct PolicyReport {
  std::string file;
  std::vector<PolicyProblem> errors;
  std::vector<PolicyProblem> warnings;
};

/// One line of JSON of our own.
[[nodiscard]] std::string json_report(const PolicyReport& report);

/// One line of SARIF (OASIS Static Analysis Results Interchange Format 2.1.0), with every rule there is; columns count
/// code points.
[[nodiscard]] std::string sarif_report(const PolicyReport& report);

}  // namespace signet
