#include "policy/policy_warnings.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>
#include <unordered_map>
#include <utility>

#include "policy/policy_fields.h"
#include "policy/policy_language.h"
#include "policy/quoting.h"

namespace signet {
namespace {

using Tenant = PolicyModel::Tenant;

struct SystemNamespace {
  std::string_view name;
  std::string_view why;
};
constexpr std::array kSystemNamespaces = {
    SystemNamespace{"kube-system", "accounts there run the cluster, and its Pods are never put to Signet"},
    SystemNamespace{"signet-system", "Signet and its CA keys live there, and its Pods are never put to Signet"}};

bool only_self(const std::vector<std::string>& requesters) {
  return std::ranges::all_of(requesters, [](const std::string& requester) { return requester == kSelfRequester; });
}

class PolicyWarnings {
 public:
  PolicyWarnings(const PolicyModel& model, std::string_view file) : model_(model), fields_(file) {}

  std::vector<PolicyProblem> about(const YamlNode& root) {
    const PolicyField spec = PolicyField{&root, ""}.field("spec");
    // `self` is for a workload's own account; what istiod asks for others is then refused whoever the tenant is.
    if (only_self(model_.requesters) &&
        std::ranges::all_of(model_.tenants, [](const Tenant& tenant) { return only_self(tenant.requesters); })) {
      fields_.problem(PolicyRule::kOnlySelfMayAsk, spec.field("requesters"),
                      "nobody but self may ask, so every request that istiod makes for a workload is refused; "
                      "istiod's own user name, system:serviceaccount:<namespace>:<name>, would let it ask");
    }
    const PolicyField tenants = spec.field("tenants");
    for (std::size_t i = 0; i < model_.tenants.size(); ++i) {
      const PolicyField at = tenants.item(i);
      about_namespaces(model_.tenants[i], at.field("namespaces"));
      about_signers(model_.tenants[i], at.field("signers"));
      about_dns_names(model_.tenants[i], at);
    }
    return fields_.take_problems();
  }

 private:
  void about_namespaces(const Tenant& tenant, const PolicyField& at) {
    for (const SystemNamespace& system : kSystemNamespaces) {
      if (const auto found = std::ranges::find(tenant.namespaces, system.name); found != tenant.namespaces.end()) {
        fields_.problem(PolicyRule::kSystemNamespaceOfTenant,
                        at.item(static_cast<std::size_t>(found - tenant.namespaces.begin())),
                        "tenant " + in_quotes(tenant.name) + " owns namespace " + in_quotes(system.name) + ": " +
                            std::string(system.why));
      }
    }
  }

  void about_signers(const Tenant& tenant, const PolicyField& at) {
    const bool owns_root = std::ranges::find(tenant.namespaces, model_.root_namespace) != tenant.namespaces.end();
    for (std::size_t i = 0; i < tenant.signers.size(); ++i) {
      const std::string& signer = tenant.signers[i];
      const PolicyField item = at.item(i);
      if (signer == model_.default_signer && !owns_root) {
        fields_.problem(PolicyRule::kDefaultSignerOfTenant, item,
                        "tenant " + in_quotes(tenant.name) +
                            " may use the default signer without owning the root namespace " +
                            in_quotes(model_.root_namespace) +
                            ": its workloads that name no signer get certificates of " + in_quotes(signer));
      }
      if (const auto [first, added] = signer_owners_.emplace(signer, Owner{&tenant, item.node->mark.line}); !added) {
        fields_.problem(PolicyRule::kSignerShared, item,
                        "signer " + in_quotes(signer) + " is tenant " + in_quotes(first->second.tenant->name) +
                            "'s too (line " + std::to_string(first->second.line) +
                            "): certificates of both end in one root, so they are not isolated from each other");
      }
    }
  }

  void about_dns_names(const Tenant& tenant, const PolicyField& at) {
    if (!tenant.dns_names.empty() && only_self(model_.requesters) && only_self(tenant.requesters)) {
      fields_.problem(PolicyRule::kNobodyMayAsk, at.field("dnsNames"),
                      "nobody may ask for DNS names of tenant " + in_quotes(tenant.name) +
                          ": self is for SPIFFE identities alone, and neither the tenant nor spec names another "
                          "requester");
    }
  }

  struct Owner {
    const Tenant* tenant;
    int line;
  };

  const PolicyModel& model_;
  PolicyFields fields_;
  std::unordered_map<std::string_view, Owner> signer_owners_;
};

}  // namespace

std::vector<PolicyProblem> policy_warnings(const YamlNode& root, const PolicyModel& model, std::string_view file) {
  return PolicyWarnings(model, file).about(root);
}

}  // namespace signet
