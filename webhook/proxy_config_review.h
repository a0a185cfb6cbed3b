#pragma once

#include "webhook/review.h"

namespace signet {

/// Judges a ProxyConfig of Istio (networking.istio.io) at CREATE and UPDATE: the signer in its environmentVariables
/// must be one that the namespace may use. One that is being deleted passes.
[[nodiscard]] ReviewOutcome validate_proxy_config(const AdmissionRequest& request, const ReviewContext& context);

/// Sets the tenant's first signer where a ProxyConfig of a tenant's namespace names none. Never denies.
[[nodiscard]] ReviewOutcome mutate_proxy_config(const AdmissionRequest& request, const ReviewContext& context);

}  // namespace signet
