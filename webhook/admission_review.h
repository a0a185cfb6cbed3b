#pragma once

#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "policy/decision.h"
#include "signer/csr/signing_request_of.h"
#include "signer/kube/json.h"

namespace signet {

/// The request of an admission.k8s.io/v1 AdmissionReview, as far as we read it
/// (https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#request).
struct AdmissionRequest {
  enum class Operation { kCreate, kUpdate, kDelete, kConnect };

  std::string uid;
  std::string group;     ///< of `kind`
  std::string kind;      ///< what `object` is
  std::string resource;  ///< plural, lower case
  std::string sub_resource;
  std::string name;  ///< empty where the API server has yet to generate it
  std::string name_space;
  Operation operation = Operation::kCreate;
  bool dry_run = false;
  Requester user;
  JsonView object;      ///< absent for DELETE
  JsonView old_object;  ///< absent for CREATE

  /// The views point into the document of `review`. An error says which field is not what the API promises; there is
  /// then no request that could be answered.
  [[nodiscard]] static tl::expected<AdmissionRequest, std::string> decode(JsonView review);
};

/// What the API server is told.
struct AdmissionAnswer {
  bool allowed = false;
  std::string reason;                 ///< machine-readable, of a denial
  std::string message;                ///< for people, of a denial
  std::string json_patch;             ///< RFC 6902; empty for none
  std::vector<std::string> warnings;  ///< shown to the user who made the request

  [[nodiscard]] static AdmissionAnswer allow() {
    return {.allowed = true, .reason = {}, .message = {}, .json_patch = {}, .warnings = {}};
  }
  /// `findings` must not be empty.
  [[nodiscard]] static AdmissionAnswer deny(const std::vector<Finding>& findings);

  /// The AdmissionReview that answers the request with `uid`. A denial has code 403.
  [[nodiscard]] std::string encode(std::string_view uid) const;
};

}  // namespace signet
