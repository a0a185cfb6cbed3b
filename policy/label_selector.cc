#include "policy/label_selector.h"

#include <algorithm>

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

}  // namespace

bool LabelSelector::matches(const Labels& labels) const {
  return std::ranges::all_of(requirements, [&](const Requirement& requirement) { return holds(requirement, labels); });
}

}  // namespace signet
