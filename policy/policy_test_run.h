#pragma once

#include <chrono>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "policy/policy_test_file.h"

namespace signet {

/// What was decided of a case's request.
struct CaseOutcome {
  Decision::Verdict verdict = Decision::Verdict::kNotOurs;
  std::vector<Reason> reasons;                   ///< of a denial, each once, in the order of `Reason`
  std::string message;                           ///< of a denial, as its user sees it
  std::optional<std::chrono::seconds> lifetime;  ///< of a grant, where it is known
  // Without the domain; empty where there is none.
  std::string asked_signer;
  std::string granted_signer;
  std::string tenant;
};

/// Asks `policy` for what the case's sketch describes.
[[nodiscard]] CaseOutcome outcome_of(const RequestSketch& sketch, const Policy& policy);

/// Whether all that is expected was decided.
[[nodiscard]] bool meets(const CaseOutcome& outcome, const Expectation& expected);

/// "granted for 1h by "foo"", "SignerNotAllowed, KeyNotAllowed", "not-ours". Of an outcome it says as much as
/// `expected` asks about.
[[nodiscard]] std::string to_string(const Expectation& expected);
[[nodiscard]] std::string to_string(const CaseOutcome& outcome, const Expectation& expected);

/// What the cases that were tried on one policy have not touched.
class PolicyTestCoverage {
 public:
  void add(const CaseOutcome& outcome);

  /// Tenants that no request was of, by name.
  [[nodiscard]] std::vector<std::string> tenants_not_reached(const Policy& policy) const;
  /// Signers of tenants that no request asked for.
  [[nodiscard]] std::vector<std::string> signers_not_reached(const Policy& policy) const;
  /// Reasons for which nothing was denied.
  [[nodiscard]] std::vector<std::string> reasons_not_reached() const;

 private:
  std::set<std::string> tenants_;
  std::set<std::string> signers_;
  std::set<Reason> reasons_;
};

}  // namespace signet
