#include "policy/duration.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <iterator>
#include <limits>

namespace signet {
namespace {

struct Unit {
  char letter;
  std::int64_t seconds;
};
constexpr Unit kUnits[] = {{'h', 3600}, {'m', 60}, {'s', 1}};
constexpr std::int64_t kMaxSeconds = std::numeric_limits<std::int32_t>::max();

struct GoUnit {
  std::string_view name;
  std::int64_t nanoseconds;
};
// Those that another begins with come after it. The micro sign has two spellings (U+00B5, U+03BC).
constexpr GoUnit kGoUnits[] = {
    {"ns", 1},         {"us", 1'000},        {"\xc2\xb5s", 1'000},  {"\xce\xbcs", 1'000},
    {"ms", 1'000'000}, {"s", 1'000'000'000}, {"m", 60'000'000'000}, {"h", 3'600'000'000'000}};
constexpr std::int64_t kMaxNanoseconds = std::numeric_limits<std::int64_t>::max();

// The digits at the start of `text`, taken off it.
std::string_view take_digits(std::string_view& text) {
  const std::string_view digits = text.substr(0, text.find_first_not_of("0123456789"));
  text.remove_prefix(digits.size());
  return digits;
}

// One number with its unit, taken off `text`, in nanoseconds.
std::optional<std::int64_t> take_go_term(std::string_view& text) {
  const std::string_view whole = take_digits(text);
  std::string_view fraction;
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    fraction = take_digits(text);
  }
  const GoUnit* const unit =
      std::ranges::find_if(kGoUnits, [&](const GoUnit& candidate) { return text.starts_with(candidate.name); });
  if ((whole.empty() && fraction.empty()) || unit == std::end(kGoUnits)) {
    return std::nullopt;
  }
  text.remove_prefix(unit->name.size());

  std::int64_t count = 0;
  if (!whole.empty() && std::from_chars(whole.data(), whole.data() + whole.size(), count).ec != std::errc()) {
    return std::nullopt;
  }
  // Each digit weighs a tenth of the one before it; what is left when the unit is spent is less than a nanosecond.
  std::int64_t part = 0;
  std::int64_t weight = unit->nanoseconds;
  for (const char digit : fraction) {
    part += (digit - '0') * weight / 10;
    weight /= 10;
  }
  if (count > (kMaxNanoseconds - part) / unit->nanoseconds) {
    return std::nullopt;
  }
  return count * unit->nanoseconds + part;
}

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

std::optional<std::chrono::seconds> parse_go_duration(std::string_view text) {
  if (text.starts_with('+')) {
    text.remove_prefix(1);
  }
  if (text == "0") {
    return std::chrono::seconds(0);
  }
  if (text.empty()) {
    return std::nullopt;
  }
  std::int64_t total = 0;
  while (!text.empty()) {
    const std::optional<std::int64_t> term = take_go_term(text);
    if (!term || *term > kMaxNanoseconds - total) {
      return std::nullopt;
    }
    total += *term;
  }
  return std::chrono::ceil<std::chrono::seconds>(std::chrono::nanoseconds(total));
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
