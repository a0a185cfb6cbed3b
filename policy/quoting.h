#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace signet {

/// `text` in quotes, for a message that people read: shortened after 200 bytes, quotes and what would not
/// be shown as itself (shown_text.h) replaced.
[[nodiscard]] std::string in_quotes(std::string_view text);

/// The elements of `range`, each through `projection`, with ", " between them.
template <typename Range, typename Projection = std::identity>
[[nodiscard]] std::string joined(const Range& range, Projection projection = {}) {
  std::string result;
  bool first = true;
  for (const auto& element : range) {
    result += first ? "" : ", ";
    result += std::invoke(projection, element);
    first = false;
  }
  return result;
}

}  // namespace signet
