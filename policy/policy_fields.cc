#include "policy/policy_fields.h"

#include <algorithm>
#include <charconv>
#include <system_error>
#include <unordered_map>

#include "policy/kubernetes_names.h"
#include "policy/near_name.h"
#include "policy/quoting.h"

namespace signet {
namespace {

std::string_view kind_of(const YamlNode& node) {
  switch (node.kind) {
    case YamlNode::Kind::kNull:
      return "this is nothing";
    case YamlNode::Kind::kScalar:
      return "this is a text";
    case YamlNode::Kind::kSequence:
      return "this is a list";
    case YamlNode::Kind::kMap:
      return "this is a map";
  }
  return {};
}

std::string unknown_key_hint(std::string_view written, std::span<const PolicyKey> known) {
  std::vector<std::string_view> names;
  std::ranges::transform(known, std::back_inserter(names), &PolicyKey::name);
  if (std::string near = near_name_hint(written, names); !near.empty()) {
    return near;
  }
  std::vector<std::string_view> homes;
  for (const PolicyMap& map : kPolicyMaps) {
    if (std::ranges::find(map.keys, written, &PolicyKey::name) != map.keys.end()) {
      homes.push_back(map.path.empty() ? "the top" : map.path);
    }
  }
  return homes.empty() ? "" : in_quotes(written) + " is a key of " + joined(homes);
}

}  // namespace

PolicyField PolicyField::item(std::size_t index) const {
  return {&node->items[index], path + "[" + std::to_string(index) + "]"};
}

PolicyField PolicyField::field(std::string_view key) const {
  return {node->find(key), path.empty() ? std::string(key) : path + "." + std::string(key)};
}

void PolicyFields::problem(PolicyRule rule, const PolicyField& at, const std::string& message, std::string hint) {
  problems_.push_back({.file = file_,
                       .line = at.node->mark.line,
                       .column = at.node->mark.column,
                       .message = at.path.empty() ? message : at.path + ": " + message,
                       .rule = rule,
                       .hint = std::move(hint)});
}

bool PolicyFields::expect_map(const PolicyField& at, std::span<const PolicyKey> known) {
  if (at.node->kind != YamlNode::Kind::kMap) {
    problem(PolicyRule::kWrongType, at, "must be a map", std::string(kind_of(*at.node)));
    return false;
  }
  for (const auto& [key, value] : at.node->entries) {
    if (std::ranges::find(known, key.scalar, &PolicyKey::name) == known.end()) {
      problem(PolicyRule::kUnknownKey, {&key, at.path},
              "unknown key " + in_quotes(key.scalar) + "; known are " + joined(known, &PolicyKey::name),
              unknown_key_hint(key.scalar, known));
    }
  }
  for (const PolicyKey& key : known) {
    if (key.required && at.node->find(key.name) == nullptr) {
      problem(PolicyRule::kMissingKey, at, "key " + in_quotes(key.name) + " is missing");
    }
  }
  return true;
}

std::optional<std::string> PolicyFields::text(const PolicyField& at) {
  if (at.node->kind != YamlNode::Kind::kScalar) {
    problem(PolicyRule::kWrongType, at, "must be a text", std::string(kind_of(*at.node)));
    return std::nullopt;
  }
  if (at.node->ambiguous) {
    problem(PolicyRule::kWrongType, at,
            "must be a text; " + in_quotes(at.node->scalar) +
                " without quotes is something else to YAML readers (a number, a boolean, a null): quote it");
    return std::nullopt;
  }
  return at.node->scalar;
}

void PolicyFields::expect_text(const PolicyField& at, std::string_view expected) {
  if (at.node == nullptr) {
    return;
  }
  if (const auto value = text(at); value && *value != expected) {
    problem(PolicyRule::kInvalidValue, at, "must be " + in_quotes(expected) + ", not " + in_quotes(*value));
  }
}

std::optional<std::string> PolicyFields::valid_text(const PolicyField& at, const Check& valid, std::string_view what,
                                                    std::span<const std::string_view> known) {
  std::optional<std::string> value = text(at);
  if (value && !valid(*value)) {
    problem(PolicyRule::kInvalidValue, at, in_quotes(*value) + " is not " + std::string(what),
            near_name_hint(*value, known));
    return std::nullopt;
  }
  return value;
}

std::string PolicyFields::name(const PolicyField& at, const Check& valid, std::string_view what,
                               std::span<const std::string_view> known) {
  return at.node == nullptr ? "" : valid_text(at, valid, what, known).value_or("");
}

std::string PolicyFields::choice(const PolicyField& at, std::span<const std::string_view> choices) {
  std::string what;
  for (const std::string_view name : choices) {
    what.append(what.empty() ? "" : " or ").append(name);
  }
  return name(
      at, [&](std::string_view text) { return std::ranges::find(choices, text) != choices.end(); }, what, choices);
}

void PolicyFields::each_name(const PolicyField& at, const Check& valid, std::string_view what,
                             std::span<const std::string_view> known,
                             const std::function<void(const PolicyField&, std::string)>& use) {
  std::unordered_map<std::string_view, int> line_of;
  each_item(at, [&](const PolicyField& item) {
    std::optional<std::string> name = valid_text(item, valid, what, known);
    if (!name) {
      return;
    }
    if (const auto [first, added] = line_of.emplace(item.node->scalar, item.node->mark.line); !added) {
      problem(PolicyRule::kRepeatedValue, item,
              in_quotes(*name) + " is repeated; it stands in line " + std::to_string(first->second) + " already");
      return;
    }
    use(item, *std::move(name));
  });
}

std::vector<std::string> PolicyFields::names(const PolicyField& at, const Check& valid, std::string_view what,
                                             std::span<const std::string_view> known) {
  std::vector<std::string> names;
  each_name(at, valid, what, known, [&](const PolicyField&, std::string name) { names.push_back(std::move(name)); });
  return names;
}

std::optional<std::int64_t> PolicyFields::number(const PolicyField& at, std::int64_t least, std::int64_t most) {
  if (at.node == nullptr) {
    return std::nullopt;
  }
  const std::string& text = at.node->scalar;
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  // YAML readers differ on a leading zero, and on quotes.
  const bool plain = at.node->kind == YamlNode::Kind::kScalar && at.node->ambiguous && error == std::errc() &&
                     end == text.data() + text.size() && std::to_string(value) == text;
  if (!plain || value < least || value > most) {
    problem(plain ? PolicyRule::kInvalidValue : PolicyRule::kWrongType, at,
            "must be a whole number from " + std::to_string(least) + " to " + std::to_string(most),
            at.node->kind == YamlNode::Kind::kScalar ? "" : std::string(kind_of(*at.node)));
    return std::nullopt;
  }
  return value;
}

bool PolicyFields::flag(const PolicyField& at) {
  if (at.node == nullptr) {
    return false;
  }
  const bool plain = at.node->kind == YamlNode::Kind::kScalar && at.node->ambiguous;
  if (!plain || (at.node->scalar != "true" && at.node->scalar != "false")) {
    problem(PolicyRule::kWrongType, at, "must be true or false");
  }
  return plain && at.node->scalar == "true";
}

std::vector<std::pair<std::string, std::string>> PolicyFields::labels(const PolicyField& at) {
  std::vector<std::pair<std::string, std::string>> labels;
  if (at.node == nullptr) {
    return labels;
  }
  if (at.node->kind != YamlNode::Kind::kMap) {
    problem(PolicyRule::kWrongType, at, "must be a map", std::string(kind_of(*at.node)));
    return labels;
  }
  for (const auto& [key, value] : at.node->entries) {
    if (!valid_text({&key, at.path}, is_label_key, "a label's key", {})) {
      continue;
    }
    if (auto read = valid_text({&value, at.path + "." + key.scalar}, is_label_value, "a label's value", {})) {
      labels.emplace_back(key.scalar, *std::move(read));
    }
  }
  return labels;
}

void PolicyFields::each_item(const PolicyField& at, const std::function<void(const PolicyField&)>& use) {
  if (at.node == nullptr) {
    return;
  }
  if (at.node->kind != YamlNode::Kind::kSequence) {
    problem(PolicyRule::kWrongType, at, "must be a list", std::string(kind_of(*at.node)));
    return;
  }
  if (at.node->items.empty()) {
    problem(PolicyRule::kInvalidValue, at, "must not be empty");
  }
  for (std::size_t i = 0; i < at.node->items.size(); ++i) {
    use(at.item(i));
  }
}

std::vector<PolicyProblem> PolicyFields::take_problems() {
  std::ranges::stable_sort(problems_, {}, [](const PolicyProblem& p) { return std::pair(p.line, p.column); });
  return std::move(problems_);
}

std::string near_name_hint(std::string_view written, std::span<const std::string_view> known) {
  const std::optional<std::string_view> near = near_name(written, known);
  return near ? "did you mean " + in_quotes(*near) + "?" : "";
}

}  // namespace signet
