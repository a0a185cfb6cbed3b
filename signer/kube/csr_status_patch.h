#pragma once

#include <string>
#include <string_view>

#include "signer/kube/objects.h"

namespace signet {

// JSON patches (RFC 6902) for /status, or /approval, of the very object that `csr` was read from: they set its uid and
// resourceVersion, so that the API server answers 409 when it has changed or is another one of that name (422 where
// nothing but the uid is another), and 404 when it is gone. Of all ways to write a status they cost the API server
// least that need nothing of the object but its name: a merge patch a quarter more, and a PUT wants all of the object.

// Publishes a certificate: PEM, the leaf first.
[[nodiscard]] std::string certificate_patch(const CertificateSigningRequest& csr, std::string_view certificate_pem);

// Adds the condition Failed, keeping the conditions that `csr` has. Failed is final: nobody will sign this request.
[[nodiscard]] std::string failed_patch(const CertificateSigningRequest& csr, std::string_view reason,
                                       std::string_view message);

// The reason of the condition by which we approve.
inline constexpr std::string_view kApprovalReason = "SignetPolicy";

// For /approval: adds the condition Approved with that reason, keeping the conditions that `csr` has, none of which may
// be Approved or Denied.
[[nodiscard]] std::string approval_patch(const CertificateSigningRequest& csr, std::string_view message);

}  // namespace signet
