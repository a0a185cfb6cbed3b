#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "policy/policy_model.h"

namespace signet {

/// The signers that a service account of the tenant's may use, the first its default: its own where the tenant names it
/// (first of all in its namespace), else those of the tenant.
[[nodiscard]] const std::vector<std::string>& signers_of_account(const PolicyModel::Tenant& tenant, std::string_view ns,
                                                                 std::string_view service_account);

/// The field that says so: "tenants[foo].signers", "tenants[foo].serviceAccounts[batch].signers".
[[nodiscard]] std::string signers_rule(const PolicyModel::Tenant& tenant, std::string_view ns,
                                       std::string_view service_account);

/// Both for people: `tenant "foo" may use "foo" (tenants[foo].signers)`, or what a service account of it may use.
[[nodiscard]] std::string may_use_text(const PolicyModel::Tenant& tenant, std::string_view ns,
                                       std::string_view service_account);

/// Every signer that some account of the tenant's may use, each once; the tenant's own first, in their order.
[[nodiscard]] std::vector<std::string> signers_of_tenant(const PolicyModel::Tenant& tenant);

}  // namespace signet
