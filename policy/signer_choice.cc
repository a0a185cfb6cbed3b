#include "policy/signer_choice.h"

#include <algorithm>

#include "policy/quoting.h"
#include "policy/workload_signers.h"

namespace signet {

std::optional<Finding> refuse_signer_choice(const Policy& policy, const ConfiguredProxies& proxies,
                                            std::string_view signer, const std::string& place) {
  const PolicyModel::Tenant* const tenant = proxies.tenant;
  const auto refuse = [&](const std::string& allowed) {
    return Finding{.reason = Reason::kSignerNotAllowed,
                   .message = place + " asks for signer " + in_quotes(signer) + "; " + allowed,
                   .mode = policy.mode_of(Reason::kSignerNotAllowed, tenant, signer)};
  };
  if (proxies.ns == policy.model().root_namespace) {
    const std::string& default_signer = policy.model().default_signer;
    if (!default_signer.empty() && signer == default_signer) {
      return std::nullopt;
    }
    return refuse("in the root namespace, which reaches every other, " +
                  (default_signer.empty() ? std::string("none may stand (rootNamespace)")
                                          : "only " + in_quotes(default_signer) + " may stand (defaultSigner)"));
  }
  if (tenant == nullptr) {
    return refuse("namespace " + in_quotes(proxies.ns) +
                  " belongs to no tenant and may use none (tenants[].namespaces)");
  }
  const std::vector<std::string> allowed = proxies.service_account.empty()
                                               ? signers_of_tenant(*tenant)
                                               : signers_of_account(*tenant, proxies.ns, proxies.service_account);
  if (std::ranges::find(allowed, signer) != allowed.end()) {
    return std::nullopt;
  }
  return refuse(proxies.service_account.empty() && !tenant->service_accounts.empty()
                    ? "tenant " + in_quotes(tenant->name) + " may use " + joined(allowed, in_quotes) + " (" +
                          signers_rule(*tenant, proxies.ns, {}) + ", serviceAccounts)"
                    : may_use_text(*tenant, proxies.ns, proxies.service_account));
}

std::optional<std::string> signer_to_choose(const Policy& policy, const ConfiguredProxies& proxies) {
  if (proxies.tenant == nullptr || proxies.ns == policy.model().root_namespace) {
    return std::nullopt;
  }
  return proxies.tenant->signers.front();
}

}  // namespace signet
