#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policy/policy.h"

namespace signet {

// Expressions that the API server evaluates (https://kubernetes.io/docs/reference/using-api/cel/), and YAML that they
// are written in.

/// The API server takes no longer expression.
inline constexpr std::size_t kMaxCelBytes = 100'000;

/// What names, and other lists beside them, may take of one, so that there is room for the rest of it.
inline constexpr std::size_t kMaxCelNamesBytes = 64'000;
inline constexpr std::size_t kMaxCelKeysBytes = 16'000;

/// `text` as a literal.
[[nodiscard]] std::string cel_text(std::string_view text);
/// `texts` as a list of literals.
[[nodiscard]] std::string cel_list(const std::vector<std::string>& texts);

/// A literal of names, each with an expression.
[[nodiscard]] std::string cel_map(const std::map<std::string, std::string>& expressions);
/// What `expressions` has of `key`, an expression: most have the same, which is said once, and is said of whatever else
/// is asked. They must not be empty.
[[nodiscard]] std::string cel_lookup(const std::map<std::string, std::string>& expressions, std::string_view key);

/// Whether `name`, an expression, is the name of a namespace that a tenant has by its name, or one of `others`. Nothing
/// where that would be longer than `max_bytes`.
[[nodiscard]] std::optional<std::string> cel_is_a_tenants_name(const Policy& policy, std::string_view name,
                                                               const std::vector<std::string>& others,
                                                               std::size_t max_bytes);

/// `text` as a scalar of YAML in single quotes.
[[nodiscard]] std::string yaml_quoted(std::string_view text);

}  // namespace signet
