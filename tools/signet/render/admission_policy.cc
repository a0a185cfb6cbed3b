#include "tools/signet/render/admission_policy.h"

#include "tools/signet/render/cel.h"

namespace signet {
namespace {

// The first that is too long, as a person would name it; empty if none.
std::string too_long(const AdmissionPolicy& policy) {
  const auto told = [&](const std::string& what, const std::string& expression) {
    return expression.size() > kMaxCelBytes
               ? what + " of ValidatingAdmissionPolicy " + policy.name + " has " + std::to_string(expression.size())
               : std::string();
  };
  std::string first;
  for (const MatchCondition& condition : policy.conditions) {
    first = first.empty() ? told("condition " + condition.name, condition.expression) : first;
  }
  for (const AdmissionPolicy::Variable& variable : policy.variables) {
    first = first.empty() ? told("variable " + variable.name, variable.expression) : first;
  }
  for (const AdmissionPolicy::Validation& validation : policy.validations) {
    first = first.empty() ? told("a validation", validation.expression) : first;
  }
  return first;
}

}  // namespace

tl::expected<std::string, std::string> admission_policy_yaml(const AdmissionPolicy& policy) {
  if (const std::string what = too_long(policy); !what.empty()) {
    return tl::unexpected("the policy is too large for the API server to keep: " + what + " characters, and " +
                          std::to_string(kMaxCelBytes) + " are taken; the webhook keeps policies of any size");
  }
  std::string yaml =
      "apiVersion: admissionregistration.k8s.io/v1\nkind: ValidatingAdmissionPolicy\nmetadata:\n  name: " +
      policy.name + "\nspec:\n  failurePolicy: " + std::string(policy.failure_policy) + "\n  matchConstraints:\n";
  if (!policy.namespaces.names.empty()) {
    yaml += namespace_selector_yaml(policy.namespaces, 4);
  }
  yaml += "    resourceRules:\n" + rule_yaml(policy.rule, 4);
  yaml += match_conditions_yaml(policy.conditions, 2);
  if (!policy.variables.empty()) {
    yaml += "  variables:\n";
  }
  for (const AdmissionPolicy::Variable& variable : policy.variables) {
    yaml += "  - name: " + variable.name + "\n    expression: " + yaml_quoted(variable.expression) + "\n";
  }
  yaml += "  validations:\n";
  for (const AdmissionPolicy::Validation& validation : policy.validations) {
    yaml += "  - expression: " + yaml_quoted(validation.expression) +
            "\n    message: " + yaml_quoted(validation.message) + "\n";
    if (!validation.message_expression.empty()) {
      yaml += "    messageExpression: " + yaml_quoted(validation.message_expression) + "\n";
    }
    yaml += "    reason: Forbidden\n";
  }
  return yaml +
         "---\napiVersion: admissionregistration.k8s.io/v1\nkind: ValidatingAdmissionPolicyBinding\nmetadata:\n"
         "  name: " +
         policy.name + "\nspec:\n  policyName: " + policy.name + "\n  validationActions: [Deny]\n";
}

}  // namespace signet
