#include "policy/quoting.h"

#include <algorithm>

#include "policy/shown_text.h"

namespace signet {

std::string in_quotes(std::string_view text) {
  constexpr std::size_t kMaxBytes = 200;
  std::string result = shown(text, kMaxBytes);
  std::ranges::replace(result, '"', '?');
  return "\"" + result + "\"";
}

}  // namespace signet
