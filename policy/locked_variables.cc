#include "policy/locked_variables.h"

#include <algorithm>

#include "policy/quoting.h"

namespace signet {

std::optional<Finding> refuse_variable(const Policy& policy, const PolicyModel::Tenant* tenant, std::string_view name,
                                       std::optional<std::string_view> value, const std::string& place) {
  const std::vector<PolicyModel::LockedVariable>& locked = policy.model().locked_variables;
  const auto variable = std::ranges::find(locked, name, &PolicyModel::LockedVariable::name);
  if (variable == locked.end() || (value && std::ranges::find(variable->values, *value) != variable->values.end())) {
    return std::nullopt;
  }
  const std::string set_to = value ? " sets it to " + in_quotes(*value) : " takes it from where nobody can judge it";
  const std::string allowed =
      variable->values.empty() ? "nobody may set it" : "it may be " + joined(variable->values, in_quotes);
  return Finding{.reason = Reason::kVariableLocked,
                 .message = place + set_to + "; " + allowed + " (lockedVariables[" + variable->name + "])",
                 .mode = policy.mode_of(Reason::kVariableLocked, tenant, {})};
}

}  // namespace signet
