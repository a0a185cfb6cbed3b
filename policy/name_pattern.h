#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace signet {

/// A namespace's name, or all that begin or end alike: "foo", "foo-*", "*-foo".
class NamePattern {
 public:
  enum class Kind { kExact, kPrefix, kSuffix };

  /// One star at most, at one end and not alone; the rest is of a namespace's letters. Else nothing.
  [[nodiscard]] static std::optional<NamePattern> parse(std::string_view written);

  [[nodiscard]] Kind kind() const { return kind_; }
  /// Without the star.
  [[nodiscard]] const std::string& text() const { return text_; }
  [[nodiscard]] std::string written() const;

  [[nodiscard]] bool matches(std::string_view name) const;
  /// Whether every name that `other` matches is matched by this one too.
  [[nodiscard]] bool covers(const NamePattern& other) const;
  /// Whether there is a name that both match.
  [[nodiscard]] bool overlaps(const NamePattern& other) const;

  friend bool operator==(const NamePattern&, const NamePattern&) = default;

 private:
  NamePattern(Kind kind, std::string_view text) : kind_(kind), text_(text) {}

  Kind kind_;
  std::string text_;
};

}  // namespace signet
