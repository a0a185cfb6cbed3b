#pragma once

#include <optional>

#include "policy/policy_fields.h"
#include "policy/policy_model.h"

namespace signet {

/// Reads the limits that a `certificate` states over those of `limits`.
void read_limits(PolicyFields& fields, const PolicyField& at, CertificateLimits& limits);

/// Reads `modes`; an absent one has none.
[[nodiscard]] Modes read_modes(PolicyFields& fields, const PolicyField& at);

/// Reads `quota`; nothing where it is absent or wrong.
[[nodiscard]] std::optional<IssuanceQuota> read_quota(PolicyFields& fields, const PolicyField& at);

}  // namespace signet
