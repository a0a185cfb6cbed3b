#pragma once

#include "webhook/review.h"

namespace signet {

/// Judges a CertificateRequest of cert-manager (cert-manager.io) whose issuerRef is a signer that the policy names, at
/// CREATE and wherever an update changes what it asks for. It would go around the CertificateSigningRequest, and is
/// refused; with `certificateRequests: evaluate` it is judged by the same rules, for the user who writes it.
[[nodiscard]] ReviewOutcome validate_certificate_request(const AdmissionRequest& request, const ReviewContext& context);

/// What `policy` says of such a request with `facts`, which somebody wrote into namespace `ns`.
[[nodiscard]] Decision decide_certificate_request(const SigningRequest& facts, std::string_view ns,
                                                  const Policy& policy, const NamespaceLabels& namespaces);

}  // namespace signet
