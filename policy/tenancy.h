#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "policy/policy_model.h"

namespace signet {

/// Names to look up by a view of their text.
struct NameHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
};
template <typename Value>
using ByName = std::unordered_map<std::string, Value, NameHash, std::equal_to<>>;

/// Whose namespaces are whose. A name that a tenant lists, whole or by its beginning or end, decides; where no tenant
/// has it, the labels do. What two tenants could claim is nobody's.
class Tenancy {
 public:
  struct Owner {
    enum class Kind {
      kTenant,
      kNobody,
      kUnknown,    ///< it hangs on labels, and they are not known
      kContested,  ///< more than one tenant
    };
    Kind kind = Kind::kNobody;
    std::size_t tenant = 0;  ///< its index, of kTenant

    friend bool operator==(const Owner&, const Owner&) = default;
  };

  explicit Tenancy(const std::vector<PolicyModel::Tenant>& tenants);

  /// `labels`: null where they are not known.
  [[nodiscard]] Owner owner_of(std::string_view ns, const Labels* labels) const;
  /// The same by the labels that `namespaces` knows.
  [[nodiscard]] Owner owner_of(std::string_view ns, const NamespaceLabels& namespaces) const;
  /// By its name alone.
  [[nodiscard]] Owner owner_by_name(std::string_view ns) const;

  /// Whether any tenant has namespaces by their labels.
  [[nodiscard]] bool asks_labels() const { return !selectors_.empty(); }
  /// The keys of labels that decide, sorted, each once; not the label that is the name.
  [[nodiscard]] const std::vector<std::string>& deciding_labels() const { return deciding_labels_; }

 private:
  struct Selector {
    LabelSelector selector;
    std::size_t tenant;
  };
  /// Names without their star, each with its tenant; and which lengths they have, so that few are tried.
  struct Affixes {
    ByName<std::size_t> tenant_by_text;
    std::vector<std::size_t> lengths;

    void add(const std::string& text, std::size_t tenant);
  };

  void index_selectors();
  [[nodiscard]] Owner owner_by_labels(const Labels& labels) const;

  ByName<std::size_t> tenant_by_name_;
  Affixes prefixes_;
  Affixes suffixes_;
  std::vector<Selector> selectors_;
  // Each selector once, where the label that it needs and the fewest others do leads to it; those that need none are
  // tried always.
  ByName<ByName<std::vector<std::uint32_t>>> selectors_by_value_;  ///< by key, then value
  ByName<std::vector<std::uint32_t>> selectors_by_key_;
  std::vector<std::uint32_t> selectors_of_all_;
  std::vector<std::string> deciding_labels_;
};

}  // namespace signet
