#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "policy/source_excerpt.h"
#include "policy/yaml_document.h"

namespace signet {

/// What can be wrong with a policy file, or doubtful in one that can be used.
enum class PolicyRule {
  kFileUnreadable,
  kNotYaml,
  kUnknownKey,
  kMissingKey,
  kWrongType,
  kInvalidValue,
  kRepeatedValue,
  kTenantsOverlap,
  kLimitMissing,
  kUnknownSigner,
  kRoutedSignerTaken,
  // Warnings.
  kSystemNamespaceOfTenant,
  kDefaultSignerOfTenant,
  kSignerShared,
  kOnlySelfMayAsk,
  kNobodyMayAsk,
  kNamespacesUnguarded,
  kNamespacesMayOverlap,
  kSelectsUnlabelled,
  kGroupTooWide,
  kShadowed,
  kSecretShared,
  kNothingAllowed,
  kNotEnforced,
};

enum class PolicySeverity { kError, kWarning };

/// What programs are told of a rule.
struct PolicyRuleInfo {
  PolicyRule rule;
  std::string_view id;
  PolicySeverity severity;
  std::string_view description;  ///< one sentence
};

/// Every rule, in the order of the enumeration.
inline constexpr std::array kPolicyRules = {
    PolicyRuleInfo{PolicyRule::kFileUnreadable, "FileUnreadable", PolicySeverity::kError,
                   "The policy is a file that can be read, not empty, of at most 16 MiB."},
    PolicyRuleInfo{PolicyRule::kNotYaml, "NotYaml", PolicySeverity::kError,
                   "The policy is one YAML document in UTF-8, without anchors, aliases, tags and repeated keys."},
    PolicyRuleInfo{PolicyRule::kUnknownKey, "UnknownKey", PolicySeverity::kError,
                   "Every key is one of the policy language, in its place."},
    PolicyRuleInfo{PolicyRule::kMissingKey, "MissingKey", PolicySeverity::kError, "What is required is there."},
    PolicyRuleInfo{PolicyRule::kWrongType, "WrongType", PolicySeverity::kError,
                   "A map, a list or a text stands where one is expected, and every YAML reader sees a text as one."},
    PolicyRuleInfo{PolicyRule::kInvalidValue, "InvalidValue", PolicySeverity::kError,
                   "Every value is one that its key can have."},
    PolicyRuleInfo{PolicyRule::kRepeatedValue, "RepeatedValue", PolicySeverity::kError,
                   "A list names nothing twice, and a signer is described once."},
    PolicyRuleInfo{PolicyRule::kTenantsOverlap, "TenantsOverlap", PolicySeverity::kError,
                   "A tenant's name, a namespace, a DNS name and an IP address belong to one tenant."},
    PolicyRuleInfo{
        PolicyRule::kLimitMissing, "LimitMissing", PolicySeverity::kError,
        "Every tenant's certificates have keys, usages and maxDuration, its own or those of spec.certificate."},
    PolicyRuleInfo{PolicyRule::kUnknownSigner, "UnknownSigner", PolicySeverity::kError,
                   "Only signers that a tenant has are described."},
    PolicyRuleInfo{PolicyRule::kRoutedSignerTaken, "RoutedSignerTaken", PolicySeverity::kError,
                   "The routed signer's name is neither a tenant's signer nor the default signer."},
    PolicyRuleInfo{PolicyRule::kSystemNamespaceOfTenant, "SystemNamespaceOfTenant", PolicySeverity::kWarning,
                   "No tenant owns a namespace that the cluster or Signet lives by."},
    PolicyRuleInfo{PolicyRule::kDefaultSignerOfTenant, "DefaultSignerOfTenant", PolicySeverity::kWarning,
                   "Only the tenant of the root namespace has the default signer."},
    PolicyRuleInfo{PolicyRule::kSignerShared, "SignerShared", PolicySeverity::kWarning,
                   "A signer belongs to one tenant: those who share it are not isolated from each other."},
    PolicyRuleInfo{PolicyRule::kOnlySelfMayAsk, "OnlySelfMayAsk", PolicySeverity::kWarning,
                   "Somebody other than self may ask for certificates, as istiod does for every workload."},
    PolicyRuleInfo{PolicyRule::kNobodyMayAsk, "NobodyMayAsk", PolicySeverity::kWarning,
                   "Somebody may ask for a tenant's DNS names, for which self never counts."},
    PolicyRuleInfo{
        PolicyRule::kNamespacesUnguarded, "NamespacesUnguarded", PolicySeverity::kWarning,
        "Where namespaces are a tenant's by the beginning or end of their name, namespaceAdmins says who may "
        "make one."},
    PolicyRuleInfo{PolicyRule::kNamespacesMayOverlap, "NamespacesMayOverlap", PolicySeverity::kWarning,
                   "No namespace's name can begin as one tenant's and end as another's: it would be nobody's."},
    PolicyRuleInfo{
        PolicyRule::kSelectsUnlabelled, "SelectsUnlabelled", PolicySeverity::kWarning,
        "A selector needs a label: else it has every namespace that nobody has labelled, those of the system "
        "too."},
    PolicyRuleInfo{PolicyRule::kGroupTooWide, "GroupTooWide", PolicySeverity::kWarning,
                   "No group of everybody, or of every service account, may ask for others or label namespaces."},
    PolicyRuleInfo{PolicyRule::kShadowed, "Shadowed", PolicySeverity::kWarning,
                   "What is said has been said already, by something wider."},
    PolicyRuleInfo{PolicyRule::kSecretShared, "SecretShared", PolicySeverity::kWarning,
                   "Every signer has a Secret of its own: two signers of one CA do not isolate their tenants."},
    PolicyRuleInfo{PolicyRule::kNothingAllowed, "NothingAllowed", PolicySeverity::kWarning,
                   "The limits of a signer leave something of those of each tenant that may use it."},
    PolicyRuleInfo{PolicyRule::kNotEnforced, "NotEnforced", PolicySeverity::kWarning,
                   "Every check that keeps tenants apart is enforced."},
};

[[nodiscard]] constexpr const PolicyRuleInfo& info_of(PolicyRule rule) {
  return kPolicyRules[static_cast<std::size_t>(rule)];
}

/// One thing that is wrong with a policy file, or doubtful in one that can be used.
struct PolicyProblem {
  std::string file;
  int line = 0;    ///< from 1; 0 where the whole file is meant
  int column = 0;  ///< from 1, in bytes
  std::string message;
  PolicyRule rule = PolicyRule::kInvalidValue;
  std::string hint{};       ///< what to say right at the place, e.g. which known name is near; or empty
  SourceExcerpt excerpt{};  ///< where a line is meant

  friend bool operator==(const PolicyProblem&, const PolicyProblem&) = default;
};

/// "file:line:column: message"; of a warning "file:line:column: warning: message".
[[nodiscard]] std::string to_string(const PolicyProblem& problem);

/// The same, then the line it is about, and under the place a caret with the hint. Ends without a line break.
[[nodiscard]] std::string to_report(const PolicyProblem& problem);

/// The problems, in the order of their places, each with its line of `text`.
[[nodiscard]] std::vector<PolicyProblem> with_excerpts(std::vector<PolicyProblem> problems, std::string_view text);

/// The same of what keeps `text` from being YAML that is read here.
[[nodiscard]] std::vector<PolicyProblem> not_yaml(const std::vector<YamlProblem>& problems, std::string_view file,
                                                  std::string_view text);

}  // namespace signet
