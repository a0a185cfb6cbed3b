#include "signer/kube/rfc3339.h"

#include <array>
#include <cstdio>

namespace signet {
namespace {

// The calendar's part of a time and what is left of its second.
std::string calendar(std::chrono::sys_seconds time, const char* rest) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(time - day);
  std::array<char, 48> text{};
  std::snprintf(text.data(), text.size(), "%04d-%02u-%02uT%02d:%02d:%02d%sZ", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
                static_cast<int>(clock.seconds().count()), rest);
  return text.data();
}

}  // namespace

std::string to_rfc3339(std::chrono::system_clock::time_point time) {
  const auto second = std::chrono::floor<std::chrono::seconds>(time);
  const auto micros = std::chrono::floor<std::chrono::microseconds>(time - second).count();
  std::array<char, 16> fraction{};
  std::snprintf(fraction.data(), fraction.size(), ".%06d", static_cast<int>(micros));
  return calendar(second, fraction.data());
}

std::string to_rfc3339(std::chrono::sys_seconds time) { return calendar(time, ""); }

}  // namespace signet
