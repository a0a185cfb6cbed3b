#include "signer/issue/live_pod.h"

#include <optional>
#include <string_view>

#include "policy/quoting.h"

namespace signet {
namespace {

constexpr std::string_view kPodName = "authentication.kubernetes.io/pod-name";
constexpr std::string_view kPodUid = "authentication.kubernetes.io/pod-uid";

std::optional<std::string> only_value(const CertificateSigningRequest& csr, std::string_view key) {
  const auto found = csr.spec.extra.find(std::string(key));
  return found == csr.spec.extra.end() || found->second.size() != 1 ? std::nullopt
                                                                    : std::optional(found->second.front());
}

}  // namespace

KubeResult<std::string> live_pod_problem(const CertificateSigningRequest& csr, const SpiffeId& id, KubeApi& api) {
  const std::optional<std::string> name = only_value(csr, kPodName);
  const std::optional<std::string> uid = only_value(csr, kPodUid);
  if (!name || !uid) {
    return "its token is not bound to a pod (spec.extra)";
  }
  const KubeResult<Pod> pod = api.get_pod(std::string(id.ns()), *name);
  const std::string which = "pod " + in_quotes(*name) + " of namespace " + in_quotes(id.ns());
  if (!pod && pod.error().kind == KubeError::Kind::kNotFound) {
    return which + " is gone";
  }
  if (!pod) {
    return tl::unexpected(pod.error());
  }
  if (pod->uid != *uid) {
    return which + " is another by now";
  }
  if (pod->service_account != id.service_account()) {
    return which + " does not run under service account " + in_quotes(id.service_account());
  }
  if (pod->is_being_deleted || pod->phase == "Succeeded" || pod->phase == "Failed") {
    return which + " has ended or is being deleted";
  }
  return std::string();
}

}  // namespace signet
