#include "policy/workload_signers.h"

#include <algorithm>

#include "policy/quoting.h"

namespace signet {
namespace {

const PolicyModel::ServiceAccount* entry_of(const PolicyModel::Tenant& tenant, std::string_view ns,
                                            std::string_view service_account) {
  const PolicyModel::ServiceAccount* anywhere = nullptr;
  for (const PolicyModel::ServiceAccount& entry : tenant.service_accounts) {
    if (entry.name != service_account) {
      continue;
    }
    if (entry.ns == ns) {
      return &entry;
    }
    if (entry.ns.empty()) {
      anywhere = &entry;
    }
  }
  return anywhere;
}

}  // namespace

const std::vector<std::string>& signers_of_account(const PolicyModel::Tenant& tenant, std::string_view ns,
                                                   std::string_view service_account) {
  const PolicyModel::ServiceAccount* const entry = entry_of(tenant, ns, service_account);
  return entry == nullptr ? tenant.signers : entry->signers;
}

std::string signers_rule(const PolicyModel::Tenant& tenant, std::string_view ns, std::string_view service_account) {
  const PolicyModel::ServiceAccount* const entry = entry_of(tenant, ns, service_account);
  const std::string rule = "tenants[" + tenant.name + "].";
  return entry == nullptr ? rule + "signers" : rule + "serviceAccounts[" + entry->name + "].signers";
}

std::string may_use_text(const PolicyModel::Tenant& tenant, std::string_view ns, std::string_view service_account) {
  const PolicyModel::ServiceAccount* const entry = entry_of(tenant, ns, service_account);
  const std::string account = entry == nullptr ? "" : "service account " + in_quotes(entry->name) + " of ";
  return account + "tenant " + in_quotes(tenant.name) + " may use " +
         joined(signers_of_account(tenant, ns, service_account), in_quotes) + " (" +
         signers_rule(tenant, ns, service_account) + ")";
}

std::vector<std::string> signers_of_tenant(const PolicyModel::Tenant& tenant) {
  std::vector<std::string> signers = tenant.signers;
  for (const PolicyModel::ServiceAccount& entry : tenant.service_accounts) {
    std::ranges::copy_if(entry.signers, std::back_inserter(signers), [&](const std::string& signer) {
      return std::ranges::find(signers, signer) == signers.end();
    });
  }
  return signers;
}

}  // namespace signet
