#pragma once

#include <string_view>

#include "webhook/review.h"

namespace signet {

/// The container in which injection runs the proxy.
inline constexpr std::string_view kProxyContainer = "istio-proxy";

/// Judges a Pod at CREATE: the signer that its annotation proxy.istio.io/config or the environment of any container
/// names must be one that the namespace may use. What cannot be decided (valueFrom, $(VAR), an annotation that cannot
/// be read) is denied. The default signer, which injection writes where nobody asked, passes with a warning.
[[nodiscard]] ReviewOutcome validate_pod(const AdmissionRequest& request, const ReviewContext& context);

}  // namespace signet
