#pragma once

#include "webhook/review.h"

namespace signet {

/// Judges a Namespace at CREATE and UPDATE, of its subresources too, for they carry labels as well: only the policy's
/// namespaceAdmins make a namespace a tenant's. Where nobody guards the namespaces, all pass.
[[nodiscard]] ReviewOutcome validate_namespace(const AdmissionRequest& request, const ReviewContext& context);

}  // namespace signet
