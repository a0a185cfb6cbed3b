#pragma once

#include <string>
#include <string_view>

#include "signer/kube/kube_api.h"

namespace signet {

// The error that an answer with an HTTP status other than 2xx stands for. `body` is a metav1.Status where the API
// server wrote it, `retry_after` the header's text or empty.
[[nodiscard]] KubeError kube_error_from_response(int http_status, std::string_view body, std::string_view retry_after);

// The error in a metav1.Status that came inside a stream, as ERROR events do; its `code` stands for the HTTP status.
[[nodiscard]] KubeError kube_error_from_status(JsonView status);

}  // namespace signet
