#include "policy/quoting.h"

namespace signet {

std::string in_quotes(std::string_view text) {
  constexpr std::size_t kMaxBytes = 200;
  std::string result = "\"";
  for (const char c : text.substr(0, kMaxBytes)) {
    result += (c >= ' ' && c != '\x7f' && c != '"') || static_cast<unsigned char>(c) >= 0x80 ? c : '?';
  }
  return result + (text.size() > kMaxBytes ? "…\"" : "\"");
}

}  // namespace signet
