#include "webhook/namespace_review.h"

#include <string>
#include <utility>
#include <vector>

#include "policy/namespace_guard.h"
#include "signer/kube/objects.h"

namespace signet {
namespace {

using Operation = AdmissionRequest::Operation;

// The API server gives every namespace the label that is its name; a manifest that is tried does not have it yet.
tl::expected<Namespace, std::string> decode(JsonView object, const std::string& place) {
  auto ns = Namespace::decode(object);
  if (!ns) {
    return tl::unexpected(place + ": " + ns.error());
  }
  ns->labels.insert_or_assign(std::string(kNamespaceNameLabel), ns->name);
  return ns;
}

}  // namespace

ReviewOutcome validate_namespace(const AdmissionRequest& request, const ReviewContext& context) {
  const bool is_new = request.operation == Operation::kCreate;
  if ((!is_new && request.operation != Operation::kUpdate) || context.policy.model().namespace_admins.empty()) {
    return pass();
  }
  const auto malformed = [&](const std::string& error) {
    return judge(request, {{Reason::kRequestMalformed, error}}, context);
  };
  const auto after = decode(request.object, "request.object");
  if (!after) {
    return malformed(after.error());
  }
  Namespace before;
  if (!is_new) {
    auto decoded = decode(request.old_object, "request.oldObject");
    if (!decoded) {
      return malformed(decoded.error());
    }
    before = *std::move(decoded);
  }
  std::vector<Finding> findings;
  if (auto finding = refuse_namespace(context.policy, after->name, is_new ? nullptr : &before.labels, after->labels,
                                      request.user.groups)) {
    findings.push_back(*std::move(finding));
  }
  return judge(request, findings, context);
}

}  // namespace signet
