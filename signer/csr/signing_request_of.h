#pragma once

#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "policy/signing_request.h"
#include "signer/kube/objects.h"

namespace signet {

/// Whom a request is judged for.
struct Requester {
  std::string username;
  std::vector<std::string> groups;
};

/// The facts of `object` for policy, its PKCS#10 parsed. `requester` is userInfo at CREATE, where spec.username is not
/// yet to be relied upon.
[[nodiscard]] SigningRequest signing_request_of(const CertificateSigningRequest& object, Requester requester);

/// The same with the requester that the API server wrote into the spec.
[[nodiscard]] SigningRequest signing_request_of(const CertificateSigningRequest& object);

/// The facts of cert-manager's own `request` to the issuer behind `signer_name`. What is absent is what cert-manager
/// takes it for. An error says which field policy cannot judge.
[[nodiscard]] tl::expected<SigningRequest, std::string> signing_request_of(const CertificateRequest& request,
                                                                           std::string signer_name,
                                                                           Requester requester);

}  // namespace signet
