#pragma once

#include <string>
#include <tl/expected.hpp>

#include "policy/audit_record.h"
#include "signer/kube/json.h"

namespace signet {

/// The member `request` of a record's line. The requester, the signer asked for and the key's type are told by the rest
/// of the line, and left out here; so is what is empty or absent:
///
///   {"groups":["system:authenticated"],"usages":["server auth"],"expirationSeconds":86400,"pkcs10":{
///    "names":[{"uri":"spiffe://cluster.local/ns/foo/sa/app"}],"nameExtensions":1,"signature":"verified"}}
///
/// Beside these: "kind" and "namespace" of a CertificateRequest, "requestDuration" and "requestIsCa" as cert-manager's
/// annotations have them; of a PKCS#10 "subject", "caRequested", "usages" and "extensions"; "malformed" in place of
/// one. {"clipped":true} is all that is said of a request that was not kept.
[[nodiscard]] std::string to_json(const RecordedRequest& request);

/// Reads it back; `facts` lack what the rest of the line tells. What is not known here is an error, for a decision may
/// have rested on it.
[[nodiscard]] tl::expected<RecordedRequest, std::string> read_recorded_request(JsonView request);

}  // namespace signet
