#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "policy/policy.h"

namespace signet {

// Which objects the API server asks about, or judges itself: what its namespace selectors and match conditions say.

/// Lists are separated by commas. `group`: empty for the core API.
struct AdmissionRule {
  std::string_view group;
  std::string_view version;
  std::string_view operations;
  std::string_view resources;
  std::string_view scope;  ///< Cluster or Namespaced
};

inline constexpr AdmissionRule kProxyConfigsWritten{"networking.istio.io", "v1beta1", "CREATE, UPDATE", "proxyconfigs",
                                                    "Namespaced"};
inline constexpr AdmissionRule kPodsCreated{"", "v1", "CREATE", "pods", "Namespaced"};

struct MatchCondition {
  std::string name;
  std::string expression;  ///< CEL
};

/// Namespaces by name: these, or all but these; all, where there are none.
struct NamespaceNames {
  std::string_view label_operator = "In";  ///< In or NotIn
  std::vector<std::string> names;
};

/// Tenants' namespaces, as far as a selector and conditions can tell them.
struct TenantScope {
  NamespaceNames namespaces;
  std::vector<MatchCondition> conditions;
};

/// The namespaces of tenants in which workloads run: not the root namespace unless it is wanted, not kube-system, not
/// `own`, which must all come up while nobody answers. Where a tenant has namespaces by a pattern, a condition tells
/// them; where by labels, or where the names are too many for a condition, every namespace but those is meant. No names
/// at all: there are none.
[[nodiscard]] TenantScope tenant_scope(const Policy& policy, std::string_view own, bool with_root);

/// Pods that name a signer or set a locked variable, as far as a condition can tell: those that hide it in a crowd of
/// variables too.
[[nodiscard]] MatchCondition configures_its_proxy(const Policy& policy);

/// An entry of `rules` or `resourceRules`, indented.
[[nodiscard]] std::string rule_yaml(const AdmissionRule& rule, std::size_t columns);
/// `namespaceSelector`, indented.
[[nodiscard]] std::string namespace_selector_yaml(const NamespaceNames& namespaces, std::size_t columns);
/// `matchConditions`, indented; nothing for none.
[[nodiscard]] std::string match_conditions_yaml(const std::vector<MatchCondition>& conditions, std::size_t columns);

}  // namespace signet
