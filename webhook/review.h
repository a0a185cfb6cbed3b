#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "policy/audit_record.h"
#include "policy/policy.h"
#include "signer/trust/trust_store.h"
#include "webhook/admission_review.h"

namespace signet {

/// What a review may rest on beside the request itself.
struct ReviewContext {
  const Policy& policy;
  /// Must be as current as they can be: they decide whose a namespace is.
  const NamespaceLabels& namespaces;
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

/// For a request that is none of our business.
[[nodiscard]] ReviewOutcome pass();

/// Allowed if there are no findings, and told in the review log in any case. For objects that are no requests for a
/// certificate or cannot be read as one, of which there is nothing more to tell than who did what.
[[nodiscard]] ReviewOutcome judge(const AdmissionRequest& request, const std::vector<Finding>& findings,
                                  const ReviewContext& context);

/// The same for a request for a certificate: `facts` are what was judged, and `decision` what was decided on them.
[[nodiscard]] ReviewOutcome judge(const AdmissionRequest& request, const SigningRequest& facts,
                                  const Decision& decision, const ReviewContext& context);

}  // namespace signet
