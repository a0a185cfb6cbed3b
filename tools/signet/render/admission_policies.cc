#include "tools/signet/render/admission_policies.h"

#include <optional>
#include <utility>
#include <vector>

#include "tools/signet/render/admission_policy.h"
#include "tools/signet/render/proxy_fence.h"
#include "tools/signet/render/request_fence.h"

namespace signet {

tl::expected<std::string, std::string> render_admission_policies(const Policy& policy, std::string_view own) {
  std::vector<AdmissionPolicy> fences = {fence_of_requests(policy), fence_of_proxy_configs(policy, own)};
  if (std::optional<AdmissionPolicy> pods = fence_of_pods(policy, own)) {
    fences.push_back(*std::move(pods));
  }
  std::string yaml;
  for (const AdmissionPolicy& fence : fences) {
    const auto rendered = admission_policy_yaml(fence);
    if (!rendered) {
      return rendered;
    }
    yaml += (yaml.empty() ? "" : "---\n") + *rendered;
  }
  return yaml;
}

}  // namespace signet
