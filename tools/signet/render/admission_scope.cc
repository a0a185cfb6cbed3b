#include "tools/signet/render/admission_scope.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "policy/signer_choice.h"
#include "tools/signet/render/cel.h"
#include "webhook/pod_review.h"

namespace signet {
namespace {

constexpr std::string_view kSystemNamespace = "kube-system";

// Looking at every variable of a pod that has 165,000 costs more than the API server spends on a condition, and what
// it gives up, passes: with more than these nobody looks, and we are asked. No pod that people write has as many.
constexpr std::size_t kMaxContainersSeen = 50;
constexpr std::size_t kMaxVariablesSeen = 250;

std::vector<std::string> sorted(std::vector<std::string> names) {
  std::ranges::sort(names);
  names.erase(std::ranges::unique(names).begin(), names.end());
  return names;
}

}  // namespace

TenantScope tenant_scope(const Policy& policy, std::string_view own, bool with_root) {
  const std::string& root = policy.model().root_namespace;
  const auto is_left_out = [&](std::string_view name) {
    return name == root ? !with_root : name == kSystemNamespace || name == own;
  };
  std::vector<std::string> exact;
  bool has_patterns = false;
  for (const PolicyModel::Tenant& tenant : policy.model().tenants) {
    for (const NamePattern& pattern : tenant.namespaces) {
      if (pattern.kind() != NamePattern::Kind::kExact) {
        has_patterns = true;
      } else if (!is_left_out(pattern.text())) {
        exact.push_back(pattern.text());
      }
    }
  }
  const std::vector<std::string> others = with_root ? std::vector{root} : std::vector<std::string>{};
  if (!has_patterns && !policy.tenancy().asks_labels()) {
    exact.insert(exact.end(), others.begin(), others.end());
    return {.namespaces = {.label_operator = "In", .names = sorted(std::move(exact))}, .conditions = {}};
  }
  std::vector<std::string> left_out = {root, std::string(kSystemNamespace), std::string(own)};
  std::erase_if(left_out, [&](const std::string& name) { return !is_left_out(name); });
  TenantScope scope = {.namespaces = {.label_operator = "NotIn", .names = sorted(std::move(left_out))},
                       .conditions = {}};
  if (!policy.tenancy().asks_labels()) {
    if (auto names = cel_is_a_tenants_name(policy, "request.namespace", others, kMaxCelNamesBytes)) {
      scope.conditions.push_back({"in-a-tenants-namespace", *std::move(names)});
    }
  }
  return scope;
}

MatchCondition configures_its_proxy(const Policy& policy) {
  std::vector<std::string> locked;
  for (const PolicyModel::LockedVariable& variable : policy.model().locked_variables) {
    locked.push_back(variable.name);
  }
  std::string wanted = "e.name == " + cel_text(kCertSignerVariable);
  if (const std::string listed = cel_list(locked); !locked.empty()) {
    wanted += " || (c.name == " + cel_text(kProxyContainer) +
              (listed.size() > kMaxCelKeysBytes ? "" : " && e.name in " + listed) + ")";
  }
  const std::string from_elsewhere =
      locked.empty() ? "" : "(c.name == " + cel_text(kProxyContainer) + " && has(c.envFrom)) || ";
  const auto named_in = [&](const std::string& containers) {
    return containers + ".size() > " + std::to_string(kMaxContainersSeen) + " || " + containers + ".exists(c, " +
           from_elsewhere + "has(c.env) && (c.env.size() > " + std::to_string(kMaxVariablesSeen) +
           " || c.env.exists(e, " + wanted + ")))";
  };
  return {"configures-its-proxy", "(has(object.metadata.annotations) && " + cel_text(kProxyConfigAnnotation) +
                                      " in object.metadata.annotations) || " + named_in("object.spec.containers") +
                                      " || (has(object.spec.initContainers) && (" +
                                      named_in("object.spec.initContainers") + "))"};
}

std::string rule_yaml(const AdmissionRule& rule, std::size_t columns) {
  const std::string indent(columns, ' ');
  return indent + "- apiGroups: [" + (rule.group.empty() ? "\"\"" : std::string(rule.group)) + "]\n" + indent +
         "  apiVersions: [" + std::string(rule.version) + "]\n" + indent + "  operations: [" +
         std::string(rule.operations) + "]\n" + indent + "  resources: [" + std::string(rule.resources) + "]\n" +
         indent + "  scope: " + std::string(rule.scope) + "\n";
}

std::string namespace_selector_yaml(const NamespaceNames& namespaces, std::size_t columns) {
  const std::string indent(columns, ' ');
  std::string yaml = indent + "namespaceSelector:\n" + indent + "  matchExpressions:\n" + indent +
                     "  - key: kubernetes.io/metadata.name\n" + indent +
                     "    operator: " + std::string(namespaces.label_operator) + "\n" + indent + "    values:\n";
  for (const std::string& name : namespaces.names) {
    yaml += indent;
    yaml += "    - \"" + name + "\"\n";
  }
  return yaml;
}

std::string match_conditions_yaml(const std::vector<MatchCondition>& conditions, std::size_t columns) {
  const std::string indent(columns, ' ');
  std::string yaml = conditions.empty() ? "" : indent + "matchConditions:\n";
  for (const MatchCondition& condition : conditions) {
    yaml += indent;
    yaml += "- name: " + condition.name + "\n" + indent + "  expression: " + yaml_quoted(condition.expression) + "\n";
  }
  return yaml;
}

}  // namespace signet
