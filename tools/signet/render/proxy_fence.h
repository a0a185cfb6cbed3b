#pragma once

#include <optional>
#include <string_view>

#include "policy/policy.h"
#include "tools/signet/render/admission_policy.h"

namespace signet {

// What the API server keeps by itself of the rules for those who configure proxies. Where tenants' namespaces are
// nobody's, or the tenant's mode is not to enforce, nothing is refused.

/// ProxyConfigs: the signer must be one of the tenant's, in the root namespace the default signer, and a locked
/// variable must have one of its values.
[[nodiscard]] AdmissionPolicy fence_of_proxy_configs(const Policy& policy, std::string_view own);

/// Pods at CREATE: the same of the environment of every container, and of annotation proxy.istio.io/config, which no
/// expression can read as YAML: it may name these variables in lines of their own only, `NAME: value` or
/// `NAME: "value"`, may have no tags and no escapes that could spell a name, and 10,000 characters in 500 lines.
/// Nothing where no tenant has a namespace that is judged.
[[nodiscard]] std::optional<AdmissionPolicy> fence_of_pods(const Policy& policy, std::string_view own);

}  // namespace signet
