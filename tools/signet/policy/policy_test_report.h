#pragma once

#include <string>
#include <vector>

#include "policy/policy_test_run.h"

namespace signet {

/// What came of the cases of one test file.
struct PolicyTestResult {
  struct Case {
    PolicyTestCase tested;
    CaseOutcome outcome;

    [[nodiscard]] bool passed() const { return meets(outcome, tested.expected); }
  };
  std::string file;
  std::string policy;  ///< its file
  std::vector<Case> cases;
};

/// What no case of any file reached in one policy.
struct PolicyTestGaps {
  std::string policy;  ///< its file
  std::vector<std::string> tenants;
  std::vector<std::string> signers;
  std::vector<std::string> reasons;
};

struct PolicyTestReport {
  std::vector<PolicyTestResult> results;
  std::vector<PolicyTestGaps> gaps;

  [[nodiscard]] std::size_t count(bool passed) const;
};

/// A table for people.
[[nodiscard]] std::string to_text(const PolicyTestReport& report);
[[nodiscard]] std::string to_json(const PolicyTestReport& report);
/// The XML of JUnit, as CI systems read it: a suite a file. It has no times, for nothing takes any.
[[nodiscard]] std::string to_junit(const PolicyTestReport& report);

}  // namespace signet
