#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "policy/audit_record.h"
#include "policy/policy.h"
#include "signer/trust/trust_store.h"
#include "webhook/admission_review.h"

namespace signet {

/// What a review may rest on beside the request itself.
struct ReviewContext {
  const Policy& policy;
  /// The issuers' public certificates; null where none are at hand: then no certificate in a status can be judged, and
  /// what cannot be judged is denied.
  const TrustStore* issuers = nullptr;
  /// The user name that the API server knows us by; empty when unknown.
  std::string self;
  std::chrono::sys_seconds now;
};

struct ReviewOutcome {
  AdmissionAnswer answer;
  /// What the review log is told; nothing about requests that are none of our business.
  std::optional<AuditRecord> record;
};

/// Judges a CertificateSigningRequest: CREATE, and UPDATE of the object, of /approval and of /status. An update may not
/// turn a request that would be granted into one that would not, approve what is not granted, or write a certificate or
/// a Failed condition that is not an issuer's to write. Anything else that makes nothing worse passes.
[[nodiscard]] ReviewOutcome validate_csr(const AdmissionRequest& request, const ReviewContext& context);

/// Patches a CertificateSigningRequest at CREATE: sets or clamps the lifetime, resolves the routed signer. Never
/// denies.
[[nodiscard]] ReviewOutcome mutate_csr(const AdmissionRequest& request, const ReviewContext& context);

}  // namespace signet
