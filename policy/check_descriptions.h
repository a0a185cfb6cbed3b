#pragma once

#include <vector>

#include "policy/explanation.h"

namespace signet {

/// Of each check, in the order of `Reason`, what it looked at, what would pass it and which fields say so; those that
/// `trace` says were made count as passed, for whether they did is the evaluation's word alone.
[[nodiscard]] std::vector<ExplainedCheck> describe_checks(const Policy& policy, const SigningRequest& request,
                                                          const NamespaceLabels& namespaces,
                                                          const EvaluationTrace& trace, Audience audience);

}  // namespace signet
