#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "policy/yaml_document.h"

namespace signet {

/// What fits beside the line's number on a terminal of 120 columns.
inline constexpr std::size_t kMaxExcerptCharacters = 100;

/// A line of a text to be shown to a person, with the place that is meant. One column is one character (code point).
struct SourceExcerpt {
  std::string line;       ///< one character for each of the text's; "…" where a long line was cut
  std::size_t caret = 0;  ///< how many characters of `line` stand before the place
  int character = 0;      ///< the place's column in the text, from 1, in characters; a byte order mark is none

  friend bool operator==(const SourceExcerpt&, const SourceExcerpt&) = default;
};

/// Shows the lines of a text. Asked in the order of the places it takes time in proportion to the text in all.
class SourceLines {
 public:
  /// `text` must outlive this.
  explicit SourceLines(std::string_view text);

  /// The line of `mark`, at most kMaxExcerptCharacters around the place. A tab is shown as one space; what is no UTF-8,
  /// and every character that a terminal would not show as one of its own (controls, changes of direction), as "?". A
  /// place behind the text is behind its last character.
  [[nodiscard]] SourceExcerpt excerpt(const YamlMark& mark);

 private:
  [[nodiscard]] std::string_view line(int number) const;

  std::string_view text_;
  std::vector<std::size_t> begins_;
  // The place asked for last, from where the next one is counted.
  YamlMark counted_{};
  std::size_t counted_bytes_ = 0;
  std::size_t counted_characters_ = 0;
};

}  // namespace signet
