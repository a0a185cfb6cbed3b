#pragma once

#include "webhook/review.h"

namespace signet {

/// Judges a CertificateSigningRequest: CREATE, and UPDATE of the object, of /approval and of /status. An update may not
/// turn a request that would be granted into one that would not, approve what is not granted, or write a certificate or
/// a Failed condition that is not an issuer's to write. Anything else that makes nothing worse passes.
[[nodiscard]] ReviewOutcome validate_csr(const AdmissionRequest& request, const ReviewContext& context);

/// Patches a CertificateSigningRequest at CREATE: sets or clamps the lifetime, resolves the routed signer. Never
/// denies.
[[nodiscard]] ReviewOutcome mutate_csr(const AdmissionRequest& request, const ReviewContext& context);

}  // namespace signet
