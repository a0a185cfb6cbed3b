#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

namespace signet {

/// A place in a text, both from 1; the column counts bytes.
struct YamlMark {
  int line = 0;
  int column = 0;

  friend auto operator<=>(const YamlMark&, const YamlMark&) = default;
};

struct YamlProblem {
  YamlMark mark;
  std::string message;
};

struct YamlEntry;

/// A YAML value with the place it stands at. Only what cannot be misread exists: no anchors, aliases, tags, merge keys,
/// repeated keys or keys that are no plain names.
struct YamlNode {
  enum class Kind { kNull, kScalar, kSequence, kMap };
  Kind kind = Kind::kNull;
  YamlMark mark;
  std::string scalar;
  /// A scalar without quotes that YAML 1.1 or 1.2 readers take for something other than a string: no, 1e3, 0777, ~.
  bool ambiguous = false;
  std::vector<YamlNode> items;
  std::vector<YamlEntry> entries;  ///< of a map: keys are scalars, each once

  /// The value of `key`, or null where this is no map or has no such key.
  [[nodiscard]] const YamlNode* find(std::string_view key) const;
};

struct YamlEntry {
  YamlNode key;
  YamlNode value;
};

struct YamlLimits {
  std::size_t max_bytes;
  int max_depth = 32;  ///< a policy, a kubeconfig or a proxy configuration has less than ten
};

/// Reads exactly one document. An empty text is a null. Either the whole tree or every problem that could be found, in
/// the order of the text; a syntax error ends the reading, and so do a hundred problems, for the text may be anybody's.
/// Never throws.
[[nodiscard]] tl::expected<YamlNode, std::vector<YamlProblem>> parse_yaml(std::string_view text,
                                                                          const YamlLimits& limits);

}  // namespace signet
