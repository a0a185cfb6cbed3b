#pragma once

#include "policy/policy.h"
#include "tools/signet/render/admission_policy.h"

namespace signet {

/// What the API server keeps by itself of the rules for CertificateSigningRequests to our signers: what can be told
/// from the signer and from the object, for the PKCS#10 is not read. A requester that no list names is refused; which
/// of the listed ones may ask for whom is not told, nor whether a service account asks for itself. Usages and lifetimes
/// are held to the most that any tenant of the signer may have. A lifetime that is longer is refused also where the
/// webhook would have shortened it: that has happened before, or the webhook is away and nobody else shortens it.
[[nodiscard]] AdmissionPolicy fence_of_requests(const Policy& policy);

}  // namespace signet
