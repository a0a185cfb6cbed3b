#pragma once

#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "tools/signet/render/admission_scope.h"

namespace signet {

/// A ValidatingAdmissionPolicy (admissionregistration.k8s.io/v1) with its binding: a rule that the API server keeps by
/// itself (https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/). All expressions are
/// CEL.
struct AdmissionPolicy {
  struct Variable {
    std::string name;
    std::string expression;  ///< may use the variables before it
  };
  struct Validation {
    std::string expression;  ///< false: refused
    std::string message;     ///< what is said where nothing else can be
    std::string message_expression = {};
  };

  std::string name;
  AdmissionRule rule;
  NamespaceNames namespaces;
  std::vector<MatchCondition> conditions;
  std::vector<Variable> variables;
  std::vector<Validation> validations;  ///< not empty
  std::string_view failure_policy;      ///< what an expression that fails leads to
};

/// Both as YAML. An error: an expression is longer than the API server takes.
[[nodiscard]] tl::expected<std::string, std::string> admission_policy_yaml(const AdmissionPolicy& policy);

}  // namespace signet
