#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "policy/namespace_labels.h"

namespace signet {

/// The label that the API server gives every namespace: its name. Nobody can set it otherwise.
inline constexpr std::string_view kNamespaceNameLabel = "kubernetes.io/metadata.name";

/// A Kubernetes label selector (meta/v1 LabelSelector): all requirements must hold. `matchLabels` are `In` with one
/// value.
struct LabelSelector {
  enum class Operator { kIn, kNotIn, kExists, kDoesNotExist };
  struct Requirement {
    std::string key;
    Operator op = Operator::kExists;
    std::vector<std::string> values;  ///< of kIn and kNotIn: not empty

    friend bool operator==(const Requirement&, const Requirement&) = default;
  };
  std::vector<Requirement> requirements;  ///< not empty

  /// As Kubernetes: NotIn holds where the key is absent.
  [[nodiscard]] bool matches(const Labels& labels) const;

  friend bool operator==(const LabelSelector&, const LabelSelector&) = default;
};

/// As kubectl writes it, sorted: "!legacy, env in (prod, test), team=shop". The same for two that require the same.
[[nodiscard]] std::string to_string(const LabelSelector& selector);

}  // namespace signet
