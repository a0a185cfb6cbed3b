#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "policy/policy.h"

namespace signet {

/// For whom an explanation is written: the tenant whose request it is reads of its own rules and of those for all, an
/// operator reads everything.
enum class Audience { kTenant, kOperator };

/// One check of a request, as it was made by `Policy::evaluate`.
struct ExplainedCheck {
  enum class Outcome { kPassed, kFailed, kNotMade };

  Reason check;  ///< the reason that it fails with
  Outcome outcome = Outcome::kNotMade;
  std::string asked;
  std::string allowed;                ///< empty where it was not made
  std::string rule;                   ///< the fields of the policy that say so; empty: true under every policy
  std::vector<std::string> findings;  ///< why it failed
  Mode mode = Mode::kEnforce;         ///< of them
};

/// What a check is called in an explanation: "signer", where its reason is SignerNotAllowed.
[[nodiscard]] std::string_view check_name(Reason check);
[[nodiscard]] std::string_view to_string(ExplainedCheck::Outcome outcome);

struct Explanation {
  Decision decision;
  std::vector<ExplainedCheck> checks;  ///< in the order of `Reason`; none where the signer is not ours
};

/// Judges `request` and tells how. To a tenant no name of another tenant is told, nor its namespaces, signers, DNS
/// names and requesters, beyond those that the request itself names.
[[nodiscard]] Explanation explain(const Policy& policy, const SigningRequest& request,
                                  const NamespaceLabels& namespaces, Audience audience);

}  // namespace signet
