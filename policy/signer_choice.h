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

/// Whose proxies are configured.
struct ConfiguredProxies {
  std::string_view ns;
  const PolicyModel::Tenant* tenant;  ///< of the namespace, or null
  /// The account that they run under; empty: of any of the tenant's.
  std::string_view service_account;
};

/// Why the proxies may not be configured to ask for `signer`; nothing if they may: a signer that their account may use.
/// In the root namespace, whose configuration reaches every other, only the default signer may stand. `place` is where
/// in the object the choice was made.
[[nodiscard]] std::optional<Finding> refuse_signer_choice(const Policy& policy, const ConfiguredProxies& proxies,
                                                          std::string_view signer, const std::string& place);

/// The signer to configure for the proxies where nobody chose one: the tenant's first. Nothing in the root namespace
/// and where there is no tenant.
[[nodiscard]] std::optional<std::string> signer_to_choose(const Policy& policy, const ConfiguredProxies& proxies);

}  // namespace signet
