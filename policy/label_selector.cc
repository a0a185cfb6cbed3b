#include "policy/label_selector.h"

#include <algorithm>
#include <set>

#include "policy/quoting.h"

namespace signet {
namespace {

bool holds(const LabelSelector::Requirement& requirement, const Labels& labels) {
  const auto label = labels.find(requirement.key);
  const auto listed = [&] { return std::ranges::find(requirement.values, label->second) != requirement.values.end(); };
  switch (requirement.op) {
    case LabelSelector::Operator::kIn:
      return label != labels.end() && listed();
    case LabelSelector::Operator::kNotIn:
      return label == labels.end() || !listed();
    case LabelSelector::Operator::kExists:
      return label != labels.end();
    case LabelSelector::Operator::kDoesNotExist:
      return label == labels.end();
  }
  return false;
}

std::string to_string(const LabelSelector::Requirement& requirement) {
  const std::set<std::string> values(requirement.values.begin(), requirement.values.end());
  const auto listed = [&] { return " (" + joined(values) + ")"; };
  switch (requirement.op) {
    case LabelSelector::Operator::kIn:
      return values.size() == 1 ? requirement.key + "=" + *values.begin() : requirement.key + " in" + listed();
    case LabelSelector::Operator::kNotIn:
      return requirement.key + " notin" + listed();
    case LabelSelector::Operator::kExists:
      return requirement.key;
    case LabelSelector::Operator::kDoesNotExist:
      return "!" + requirement.key;
  }
  return {};
}

}  // namespace

bool LabelSelector::matches(const Labels& labels) const {
  return std::ranges::all_of(requirements, [&](const Requirement& requirement) { return holds(requirement, labels); });
}

std::string to_string(const LabelSelector& selector) {
  std::set<std::string> told;
  for (const LabelSelector::Requirement& requirement : selector.requirements) {
    told.insert(to_string(requirement));
  }
  return joined(told);
}

}  // namespace signet
