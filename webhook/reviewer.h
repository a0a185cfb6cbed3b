#pragma once

#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "webhook/review.h"

namespace signet {

enum class ReviewKind { kValidate, kMutate };

struct Reviewed {
  std::string body;  ///< the AdmissionReview that answers
  bool allowed = false;
  std::optional<AuditRecord> record;
};

/// Answers an AdmissionReview of whatever kind we review. An error says why `body` is no review that could be answered
/// at all (HTTP 400). Of a kind that we do not know, validation denies and mutation passes.
[[nodiscard]] tl::expected<Reviewed, std::string> review(ReviewKind kind, std::string_view body,
                                                         const ReviewContext& context);

}  // namespace signet
