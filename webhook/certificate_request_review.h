#pragma once

#include "webhook/review.h"

namespace signet {

/// Judges a CertificateRequest of cert-manager (cert-manager.io) at CREATE: one whose issuerRef is a signer that the
/// policy names would go around the CertificateSigningRequest, and is refused.
[[nodiscard]] ReviewOutcome validate_certificate_request(const AdmissionRequest& request, const ReviewContext& context);

}  // namespace signet
