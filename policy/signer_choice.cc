#include "policy/signer_choice.h"

#include <algorithm>

#include "policy/quoting.h"

namespace signet {

std::optional<Finding> refuse_signer_choice(const Policy& policy, std::string_view ns, std::string_view signer,
                                            const std::string& place) {
  const auto refuse = [&](const std::string& allowed) {
    return Finding{Reason::kSignerNotAllowed, place + " asks for signer " + in_quotes(signer) + "; " + allowed};
  };
  if (ns == policy.model().root_namespace) {
    const std::string& default_signer = policy.model().default_signer;
    if (!default_signer.empty() && signer == default_signer) {
      return std::nullopt;
    }
    return refuse("in the root namespace, which reaches every other, " +
                  (default_signer.empty() ? std::string("none may stand (rootNamespace)")
                                          : "only " + in_quotes(default_signer) + " may stand (defaultSigner)"));
  }
  const PolicyModel::Tenant* const tenant = policy.tenant_of_namespace(ns);
  if (tenant == nullptr) {
    return refuse("namespace " + in_quotes(ns) + " belongs to no tenant and may use none (tenants[].namespaces)");
  }
  if (std::ranges::find(tenant->signers, signer) != tenant->signers.end()) {
    return std::nullopt;
  }
  return refuse("tenant " + in_quotes(tenant->name) + " may use " + joined(tenant->signers, in_quotes) + " (tenants[" +
                tenant->name + "].signers)");
}

std::optional<std::string> signer_to_choose(const Policy& policy, std::string_view ns) {
  const PolicyModel::Tenant* const tenant = policy.tenant_of_namespace(ns);
  if (tenant == nullptr || ns == policy.model().root_namespace) {
    return std::nullopt;
  }
  return tenant->signers.front();
}

}  // namespace signet
