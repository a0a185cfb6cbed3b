#pragma once

#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "policy/policy.h"

namespace signet {

/// ValidatingAdmissionPolicies (YAML): what the API server can keep of the policy by itself, a second fence that stands
/// while the webhook is away. It refuses nothing that the webhook lets pass, but for what its words say it cannot read
/// (an annotation of many spellings, a crowd of variables); and it refuses less: it reads no PKCS#10, so it never knows
/// whose a request for a certificate is. Only what is enforced is in it: a tenant for which a check of signers or of
/// locked variables is relaxed is left to the webhook. `own` is the namespace of Signet, whose pods are never judged.
/// An error: the policy is too large for it.
[[nodiscard]] tl::expected<std::string, std::string> render_admission_policies(const Policy& policy,
                                                                               std::string_view own);

}  // namespace signet
