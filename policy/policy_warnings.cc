#include "policy/policy_warnings.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "policy/certificate_limits.h"
#include "policy/policy_fields.h"
#include "policy/policy_language.h"
#include "policy/quoting.h"
#include "policy/workload_signers.h"

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

// Groups that everybody, or every service account, is in.
constexpr std::array<std::string_view, 3> kWideGroups = {"system:authenticated", "system:serviceaccounts",
                                                         "system:unauthenticated"};

constexpr std::array kReasonsThatKeepApart = {Reason::kRequesterNotAllowed, Reason::kSignerNotAllowed,
                                              Reason::kSubjectAltNameNotAllowed, Reason::kIdentityInvalid,
                                              Reason::kNoTenant};
// Of these it has a say; with the others it cannot be told whose the request is.
constexpr std::span kReasonsOfATenant = std::span(kReasonsThatKeepApart).first<2>();

bool only_self(const std::vector<std::string>& requesters) {
  return std::ranges::all_of(requesters, [](const std::string& requester) { return requester == kSelfRequester; });
}

class PolicyWarnings {
 public:
  PolicyWarnings(const PolicyModel& model, std::string_view file) : model_(model), fields_(file) {}

  std::vector<PolicyProblem> about(const YamlNode& root) {
    const PolicyField spec = PolicyField{&root, ""}.field("spec");
    // `self` is for a workload's own account; what istiod asks for others is then refused whoever the tenant is.
    if (only_self(model_.requesters) && model_.requester_groups.empty() &&
        std::ranges::all_of(model_.tenants, [](const Tenant& tenant) {
          return only_self(tenant.requesters) && tenant.requester_groups.empty();
        })) {
      fields_.problem(PolicyRule::kOnlySelfMayAsk, spec.field("requesters"),
                      "nobody but self may ask, so every request that istiod makes for a workload is refused; "
                      "istiod's own user name, system:serviceaccount:<namespace>:<name>, would let it ask");
    }
    about_groups(model_.requester_groups, spec.field("requesterGroups"));
    about_groups(model_.namespace_admins, spec.field("namespaceAdmins"));
    about_modes(model_.modes, kReasonsThatKeepApart, "every tenant", spec.field("modes"));
    const PolicyField tenants = spec.field("tenants");
    for (std::size_t i = 0; i < model_.tenants.size(); ++i) {
      const PolicyField at = tenants.item(i);
      const Tenant& tenant = model_.tenants[i];
      about_namespaces(tenant, at.field("namespaces"));
      about_selector(tenant, at.field("namespaceSelector"));
      about_signers(tenant, at);
      about_dns_names(tenant, at);
      about_requesters(tenant, at);
      about_modes(tenant.modes, kReasonsOfATenant, "tenant " + in_quotes(tenant.name), at.field("modes"));
    }
    about_affixes(tenants);
    about_secrets(spec.field("signers"));
    about_limits(spec.field("signers"));
    return fields_.take_problems();
  }

 private:
  static bool owns(const Tenant& tenant, std::string_view ns) {
    return std::ranges::any_of(tenant.namespaces, [ns](const NamePattern& pattern) { return pattern.matches(ns); });
  }

  void about_namespaces(const Tenant& tenant, const PolicyField& at) {
    for (std::size_t i = 0; i < tenant.namespaces.size(); ++i) {
      const NamePattern& pattern = tenant.namespaces[i];
      for (const SystemNamespace& system : kSystemNamespaces) {
        if (pattern.matches(system.name)) {
          fields_.problem(PolicyRule::kSystemNamespaceOfTenant, at.item(i),
                          "tenant " + in_quotes(tenant.name) + " owns namespace " + in_quotes(system.name) + ": " +
                              std::string(system.why));
        }
      }
      if (pattern.kind() == NamePattern::Kind::kExact) {
        about_shadowed_namespace(tenant, pattern, at.item(i));
      } else if (model_.namespace_admins.empty()) {
        fields_.problem(PolicyRule::kNamespacesUnguarded, at.item(i),
                        "whoever may create namespaces can make one of tenant " + in_quotes(tenant.name) +
                            "'s; spec.namespaceAdmins would say who may");
      }
    }
  }

  void about_shadowed_namespace(const Tenant& tenant, const NamePattern& name, const PolicyField& at) {
    for (const NamePattern& pattern : tenant.namespaces) {
      if (pattern.kind() != NamePattern::Kind::kExact && pattern.covers(name)) {
        fields_.problem(PolicyRule::kShadowed, at,
                        in_quotes(name.text()) + " is the tenant's by " + in_quotes(pattern.written()) + " already");
      }
    }
  }

  // A name that begins as one tenant says and ends as another says is nobody's.
  void about_affixes(const PolicyField& tenants) {
    struct Suffix {
      const NamePattern* pattern;
      std::size_t tenant;
    };
    std::vector<Suffix> suffixes;
    for (std::size_t i = 0; i < model_.tenants.size(); ++i) {
      for (const NamePattern& pattern : model_.tenants[i].namespaces) {
        if (pattern.kind() == NamePattern::Kind::kSuffix) {
          suffixes.push_back({&pattern, i});
        }
      }
    }
    for (std::size_t i = 0; i < model_.tenants.size() && !suffixes.empty(); ++i) {
      for (std::size_t k = 0; k < model_.tenants[i].namespaces.size(); ++k) {
        const NamePattern& pattern = model_.tenants[i].namespaces[k];
        if (pattern.kind() != NamePattern::Kind::kPrefix) {
          continue;
        }
        const auto other = std::ranges::find_if(
            suffixes, [&](const Suffix& suffix) { return suffix.tenant != i && suffix.pattern->overlaps(pattern); });
        if (other != suffixes.end()) {  // the first says enough
          fields_.problem(PolicyRule::kNamespacesMayOverlap, tenants.item(i).field("namespaces").item(k),
                          "a namespace that begins so and ends as " + in_quotes(other->pattern->written()) +
                              " of tenant " + in_quotes(model_.tenants[other->tenant].name) + " would be nobody's");
        }
      }
    }
  }

  void about_selector(const Tenant& tenant, const PolicyField& at) {
    using Operator = LabelSelector::Operator;
    if (tenant.namespace_selector &&
        std::ranges::all_of(tenant.namespace_selector->requirements, [](const LabelSelector::Requirement& requirement) {
          return requirement.op == Operator::kNotIn || requirement.op == Operator::kDoesNotExist;
        })) {
      fields_.problem(PolicyRule::kSelectsUnlabelled, at,
                      "every namespace without these labels is tenant " + in_quotes(tenant.name) +
                          "'s, kube-system too; ask for a label (matchLabels, or operator In or Exists)");
    }
  }

  void about_groups(const std::vector<std::string>& groups, const PolicyField& at) {
    for (std::size_t i = 0; i < groups.size(); ++i) {
      if (std::ranges::find(kWideGroups, groups[i]) != kWideGroups.end()) {
        fields_.problem(PolicyRule::kGroupTooWide, at.item(i),
                        in_quotes(groups[i]) + " is a group that every pod of the cluster is in, or everybody");
      }
    }
  }

  void about_requesters(const Tenant& tenant, const PolicyField& at) {
    about_groups(tenant.requester_groups, at.field("requesterGroups"));
    const auto about_shadowed = [&](const std::vector<std::string>& own, const std::vector<std::string>& for_all,
                                    const char* key) {
      for (std::size_t i = 0; i < own.size(); ++i) {
        if (std::ranges::find(for_all, own[i]) != for_all.end()) {
          fields_.problem(PolicyRule::kShadowed, at.field(key).item(i),
                          in_quotes(own[i]) + " may ask for every tenant already (spec." + key + ")");
        }
      }
    };
    about_shadowed(tenant.requesters, model_.requesters, "requesters");
    about_shadowed(tenant.requester_groups, model_.requester_groups, "requesterGroups");
    for (std::size_t i = 0; i < tenant.services.size(); ++i) {
      about_groups(tenant.services[i].requester_groups, at.field("services").item(i).field("requesterGroups"));
    }
  }

  void about_modes(const Modes& modes, std::span<const Reason> reasons, const std::string& whose,
                   const PolicyField& at) {
    std::vector<std::string_view> relaxed;
    for (const Reason reason : reasons) {
      if (modes.of(reason).value_or(Mode::kEnforce) != Mode::kEnforce) {
        relaxed.push_back(to_string(reason));
      }
    }
    if (!relaxed.empty()) {
      fields_.problem(PolicyRule::kNotEnforced, at,
                      "what fails with " + joined(relaxed) + " passes for " + whose + ": tenants are not kept apart");
    }
  }

  void about_secrets(const PolicyField& at) {
    const auto secret_of = [](const PolicyModel::Signer& signer) {
      return signer.secret_name.empty() ? signer.name + "-ca" : signer.secret_name;
    };
    if (model_.signers.empty()) {
      return;
    }
    std::unordered_set<std::string_view> described;
    for (const PolicyModel::Signer& signer : model_.signers) {
      described.insert(signer.name);
    }
    std::unordered_map<std::string, std::string> signer_by_secret;
    for (const Tenant& tenant : model_.tenants) {
      for (const std::string& signer : signers_of_tenant(tenant)) {
        if (!described.contains(signer)) {
          signer_by_secret.emplace(signer + "-ca", signer);
        }
      }
    }
    for (std::size_t i = 0; i < model_.signers.size(); ++i) {
      const PolicyModel::Signer& signer = model_.signers[i];
      const auto [first, added] = signer_by_secret.emplace(secret_of(signer), signer.name);
      if (!added) {
        fields_.problem(PolicyRule::kSecretShared, at.item(i),
                        "the CA of signer " + in_quotes(signer.name) + " is kept in Secret " +
                            in_quotes(secret_of(signer)) + ", which is that of signer " + in_quotes(first->second) +
                            ": certificates of both end in one root");
      }
    }
  }

  void about_limits(const PolicyField& at) {
    if (model_.signers.empty()) {
      return;
    }
    std::unordered_map<std::string_view, std::size_t> index_by_name;
    for (std::size_t i = 0; i < model_.signers.size(); ++i) {
      index_by_name.emplace(model_.signers[i].name, i);
    }
    for (const Tenant& tenant : model_.tenants) {
      for (const std::string& name : signers_of_tenant(tenant)) {
        const auto described = index_by_name.find(name);
        if (described == index_by_name.end()) {
          continue;
        }
        const LimitsInForce limits(tenant, &model_.signers[described->second]);
        const std::string what = limits.keys().empty()                           ? "no key type"
                                 : limits.usages().empty()                       ? "no usage"
                                 : limits.min_duration() > limits.max_duration() ? "no lifetime"
                                                                                 : "";
        if (!what.empty()) {
          fields_.problem(PolicyRule::kNothingAllowed, at.item(described->second),
                          "the limits of signer " + in_quotes(name) + " and of tenant " + in_quotes(tenant.name) +
                              " together allow " + what);
        }
      }
    }
  }

  void about_signers(const Tenant& tenant, const PolicyField& at) {
    about_signers(tenant, tenant.signers, at.field("signers"));
    for (std::size_t i = 0; i < tenant.service_accounts.size(); ++i) {
      about_signers(tenant, tenant.service_accounts[i].signers, at.field("serviceAccounts").item(i).field("signers"));
    }
  }

  void about_signers(const Tenant& tenant, const std::vector<std::string>& signers, const PolicyField& at) {
    const bool owns_root = owns(tenant, model_.root_namespace);
    for (std::size_t i = 0; i < signers.size(); ++i) {
      const std::string& signer = signers[i];
      const PolicyField item = at.item(i);
      if (signer == model_.default_signer && !owns_root) {
        fields_.problem(PolicyRule::kDefaultSignerOfTenant, item,
                        "tenant " + in_quotes(tenant.name) +
                            " may use the default signer without owning the root namespace " +
                            in_quotes(model_.root_namespace) +
                            ": its workloads that name no signer get certificates of " + in_quotes(signer));
      }
      const auto [first, added] = signer_owners_.emplace(signer, Owner{&tenant, item.node->mark.line});
      if (!added && first->second.tenant != &tenant) {
        fields_.problem(PolicyRule::kSignerShared, item,
                        "signer " + in_quotes(signer) + " is tenant " + in_quotes(first->second.tenant->name) +
                            "'s too (line " + std::to_string(first->second.line) +
                            "): certificates of both end in one root, so they are not isolated from each other");
      }
    }
  }

  void about_dns_names(const Tenant& tenant, const PolicyField& at) {
    if (!tenant.dns_names.empty() && only_self(model_.requesters) && only_self(tenant.requesters) &&
        model_.requester_groups.empty() && tenant.requester_groups.empty()) {
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
