#include "policy/tenancy.h"

#include <algorithm>
#include <functional>
#include <memory>

namespace signet {
namespace {

using Owner = Tenancy::Owner;

// The owner so far, once `tenant` claims it too.
Owner claimed_by(const Owner& owner, std::size_t tenant) {
  const Owner claimed{.kind = Owner::Kind::kTenant, .tenant = tenant};
  return owner.kind == Owner::Kind::kNobody || owner == claimed ? claimed
                                                                : Owner{.kind = Owner::Kind::kContested, .tenant = 0};
}

}  // namespace

void Tenancy::Affixes::add(const std::string& text, std::size_t tenant) {
  tenant_by_text.emplace(text, tenant);
  if (std::ranges::find(lengths, text.size()) == lengths.end()) {
    lengths.push_back(text.size());
  }
}

Tenancy::Tenancy(const std::vector<PolicyModel::Tenant>& tenants) {
  for (std::size_t i = 0; i < tenants.size(); ++i) {
    for (const NamePattern& pattern : tenants[i].namespaces) {
      switch (pattern.kind()) {
        case NamePattern::Kind::kExact:
          tenant_by_name_.emplace(pattern.text(), i);
          break;
        case NamePattern::Kind::kPrefix:
          prefixes_.add(pattern.text(), i);
          break;
        case NamePattern::Kind::kSuffix:
          suffixes_.add(pattern.text(), i);
          break;
      }
    }
    if (tenants[i].namespace_selector) {
      selectors_.push_back({*tenants[i].namespace_selector, i});
    }
  }
  index_selectors();
  std::ranges::sort(deciding_labels_);
  deciding_labels_.erase(std::ranges::unique(deciding_labels_).begin(), deciding_labels_.end());
}

void Tenancy::index_selectors() {
  using Operator = LabelSelector::Operator;
  using Requirement = LabelSelector::Requirement;
  ByName<ByName<std::size_t>> selectors_that_need;  // by key, then value
  for (const Selector& selector : selectors_) {
    for (const Requirement& requirement : selector.selector.requirements) {
      if (requirement.key != kNamespaceNameLabel) {
        deciding_labels_.push_back(requirement.key);
      }
      if (requirement.op == Operator::kIn) {
        for (const std::string& value : requirement.values) {
          ++selectors_that_need[requirement.key][value];
        }
      }
    }
  }
  for (std::uint32_t i = 0; i < selectors_.size(); ++i) {
    const Requirement* rarest = nullptr;
    const Requirement* present = nullptr;
    std::size_t fewest = 0;
    for (const Requirement& requirement : selectors_[i].selector.requirements) {
      if (requirement.op == Operator::kExists) {
        present = &requirement;
      } else if (requirement.op == Operator::kIn) {
        std::size_t most = 0;
        for (const std::string& value : requirement.values) {
          most = std::max(most, selectors_that_need[requirement.key][value]);
        }
        if (rarest == nullptr || most < fewest) {
          rarest = &requirement;
          fewest = most;
        }
      }
    }
    if (rarest != nullptr) {
      for (const std::string& value : rarest->values) {
        selectors_by_value_[rarest->key][value].push_back(i);
      }
    } else if (present != nullptr) {
      selectors_by_key_[present->key].push_back(i);
    } else {
      selectors_of_all_.push_back(i);
    }
  }
}

Owner Tenancy::owner_by_name(std::string_view ns) const {
  if (const auto exact = tenant_by_name_.find(ns); exact != tenant_by_name_.end()) {
    return {.kind = Owner::Kind::kTenant, .tenant = exact->second};
  }
  Owner owner;
  const auto try_affixes = [&](const Affixes& affixes, const auto& affix_of) {
    for (const std::size_t length : affixes.lengths) {
      if (length <= ns.size()) {
        if (const auto found = affixes.tenant_by_text.find(affix_of(length)); found != affixes.tenant_by_text.end()) {
          owner = claimed_by(owner, found->second);
        }
      }
    }
  };
  try_affixes(prefixes_, [ns](std::size_t length) { return ns.substr(0, length); });
  try_affixes(suffixes_, [ns](std::size_t length) { return ns.substr(ns.size() - length); });
  return owner;
}

Owner Tenancy::owner_by_labels(const Labels& labels) const {
  Owner owner;
  const auto try_selectors = [&](const std::vector<std::uint32_t>& selectors) {
    for (const std::uint32_t index : selectors) {
      if (selectors_[index].selector.matches(labels)) {
        owner = claimed_by(owner, selectors_[index].tenant);
      }
    }
  };
  for (const auto& [key, value] : labels) {
    if (const auto values = selectors_by_value_.find(key); values != selectors_by_value_.end()) {
      if (const auto selectors = values->second.find(value); selectors != values->second.end()) {
        try_selectors(selectors->second);
      }
    }
    if (const auto selectors = selectors_by_key_.find(key); selectors != selectors_by_key_.end()) {
      try_selectors(selectors->second);
    }
  }
  try_selectors(selectors_of_all_);
  return owner;
}

Owner Tenancy::owner_of(std::string_view ns, const Labels* labels) const {
  const Owner by_name = owner_by_name(ns);
  if (by_name.kind != Owner::Kind::kNobody || selectors_.empty()) {
    return by_name;
  }
  return labels == nullptr ? Owner{.kind = Owner::Kind::kUnknown, .tenant = 0} : owner_by_labels(*labels);
}

Owner Tenancy::owner_of(std::string_view ns, const NamespaceLabels& namespaces) const {
  const std::shared_ptr<const Labels> labels = selectors_.empty() ? nullptr : namespaces.find(ns);
  return owner_of(ns, labels.get());
}

}  // namespace signet
