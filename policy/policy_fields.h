#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "policy/policy_language.h"
#include "policy/policy_problem.h"
#include "policy/yaml_document.h"

namespace signet {

/// A node of a policy file together with its path from the top, "spec.tenants[0].signers".
struct PolicyField {
  const YamlNode* node;  ///< null: there is no such key
  std::string path;

  [[nodiscard]] PolicyField item(std::size_t index) const;
  [[nodiscard]] PolicyField field(std::string_view key) const;
};

/// Reads maps, lists and texts out of a policy file, and gathers what is wrong with them.
class PolicyFields {
 public:
  explicit PolicyFields(std::string_view file) : file_(file) {}

  using Check = std::function<bool(std::string_view)>;

  void problem(PolicyRule rule, const PolicyField& at, const std::string& message, std::string hint = {});

  /// Whether it is a map; its keys must be known, and the required ones there.
  [[nodiscard]] bool expect_map(const PolicyField& at, std::span<const PolicyKey> known);
  /// An absent one is no problem.
  void expect_text(const PolicyField& at, std::string_view expected);
  [[nodiscard]] std::optional<std::string> text(const PolicyField& at);

  /// A text that passes `valid`, else it "is not <what>". Empty where it is absent or wrong. `known` are the names it
  /// could have been meant to be, where they can be listed.
  [[nodiscard]] std::string name(const PolicyField& at, const Check& valid, std::string_view what,
                                 std::span<const std::string_view> known = {});
  /// One of `choices`; empty where it is absent or wrong.
  [[nodiscard]] std::string choice(const PolicyField& at, std::span<const std::string_view> choices);
  /// Gives each of a list of them to `use`, with its place; none twice, and none that is wrong.
  void each_name(const PolicyField& at, const Check& valid, std::string_view what,
                 std::span<const std::string_view> known,
                 const std::function<void(const PolicyField&, std::string)>& use);
  /// The same, all together.
  [[nodiscard]] std::vector<std::string> names(const PolicyField& at, const Check& valid, std::string_view what,
                                               std::span<const std::string_view> known = {});
  /// A whole number without sign, from `least` to `most`.
  [[nodiscard]] std::optional<std::int64_t> number(const PolicyField& at, std::int64_t least, std::int64_t most);
  /// `true` or `false`; false where it is absent or wrong.
  [[nodiscard]] bool flag(const PolicyField& at);
  /// Labels by key, as Kubernetes takes them; none where they are absent.
  [[nodiscard]] std::vector<std::pair<std::string, std::string>> labels(const PolicyField& at);
  /// Gives each item of a list, which must not be empty, to `use`; nothing where it is absent.
  void each_item(const PolicyField& at, const std::function<void(const PolicyField&)>& use);

  /// What was gathered, in the order of the places.
  [[nodiscard]] std::vector<PolicyProblem> take_problems();

 private:
  [[nodiscard]] std::optional<std::string> valid_text(const PolicyField& at, const Check& valid, std::string_view what,
                                                      std::span<const std::string_view> known);

  std::string file_;
  std::vector<PolicyProblem> problems_;
};

/// "did you mean "tenants"?" for the known name that is near, or empty.
[[nodiscard]] std::string near_name_hint(std::string_view written, std::span<const std::string_view> known);

}  // namespace signet
