#include "policy/duration.h"

#include <charconv>
#include <cstdint>
#include <limits>

namespace signet {
namespace {

struct Unit {
  char letter;
  std::int64_t seconds;
};
constexpr Unit kUnits[] = {{'h', 3600}, {'m', 60}, {'s', 1}};
constexpr std::int64_t kMaxSeconds = std::numeric_limits<std::int32_t>::max();

}  // namespace

std::optional<std::chrono::seconds> parse_duration(std::string_view text) {
  if (text.empty()) {
    return std::nullopt;
  }
  std::int64_t total = 0;
  for (const Unit& unit : kUnits) {
    std::int64_t count = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
    if (error != std::errc() || end == text.data() + text.size() || count < 0 || text.front() == '-') {
      break;
    }
    if (*end != unit.letter) {
      continue;
    }
    if (count > kMaxSeconds / unit.seconds) {
      return std::nullopt;
    }
    total += count * unit.seconds;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()) + 1);
  }
  if (!text.empty() || total > kMaxSeconds) {
    return std::nullopt;
  }
  return std::chrono::seconds(total);
}

std::string to_string(std::chrono::seconds duration) {
  std::int64_t rest = duration.count();
  std::string text;
  for (const Unit& unit : kUnits) {
    if (const std::int64_t count = rest / unit.seconds; count > 0) {
      text += std::to_string(count) + unit.letter;
      rest %= unit.seconds;
    }
  }
  return text.empty() ? "0s" : text;
}

}  // namespace signet
