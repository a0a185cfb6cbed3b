#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "policy/policy.h"

namespace signet {

/// The environment variable of Istio's proxy that names the signer of its certificate, without the domain.
inline constexpr std::string_view kCertSignerVariable = "ISTIO_META_CERT_SIGNER";

/// The annotation of a Pod that configures its proxy, in YAML; it can name the variable too.
inline constexpr std::string_view kProxyConfigAnnotation = "proxy.istio.io/config";

/// Why the proxies of namespace `ns` may not be configured to ask for `signer`; nothing if they may: a signer of the
/// namespace's tenant. In the root namespace, whose configuration reaches every other, only the default signer may
/// stand. `place` is where in the object the choice was made.
[[nodiscard]] std::optional<Finding> refuse_signer_choice(const Policy& policy, std::string_view ns,
                                                          std::string_view signer, const std::string& place);

/// The signer to configure in `ns` where nobody chose one: the tenant's first. Nothing in the root namespace and where
/// there is no tenant.
[[nodiscard]] std::optional<std::string> signer_to_choose(const Policy& policy, std::string_view ns);

}  // namespace signet
