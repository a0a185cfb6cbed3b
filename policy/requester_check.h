#pragma once

#include <optional>
#include <string>

#include "policy/request_subject.h"

namespace signet {

/// Whether the requester may ask for what the request names.
struct CheckedRequester {
  const std::string* listed = nullptr;  ///< the entry of a list that lets it ask; null: it may not
  std::optional<Finding> finding;
};

/// A listed user name or group, of those for all or of the tenant's; `self`, the very service account that an identity
/// names, by its user name and its group. The names of a service are for those whom it lists, and for nobody who may
/// ask for the tenant's others.
[[nodiscard]] CheckedRequester check_requester(const PolicyModel& model, const SigningRequest& request,
                                               const RequestSubject& subject);

}  // namespace signet
