#pragma once

#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "signer/csr/signing_request_of.h"

namespace signet {

/// The AdmissionReview of the API server when `requester` creates the object of a manifest, in YAML or JSON and of a
/// kind that is reviewed. The error says what is wrong with the manifest, its place first where there is one.
[[nodiscard]] tl::expected<std::string, std::string> review_of_manifest(std::string_view manifest,
                                                                        const Requester& requester);

}  // namespace signet
