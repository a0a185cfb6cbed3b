#include "signer/kube/server_clock.h"

#include <time.h>

#include <string>

namespace signet {

std::optional<std::chrono::sys_seconds> parse_http_date(std::string_view text) {
  const std::string terminated(text);
  tm parts{};
  const char* const end = ::strptime(terminated.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
  if (end == nullptr || *end != '\0') return std::nullopt;
  return std::chrono::sys_seconds(std::chrono::seconds(::timegm(&parts)));
}

void ServerClock::heard(std::string_view date, Clock::time_point at) {
  const auto time = parse_http_date(date);
  if (!time) return;
  const std::lock_guard lock(mutex_);
  last_ = Heard{*time, at};
}

std::optional<std::chrono::seconds> ServerClock::lead_of(std::chrono::sys_seconds wall, Clock::time_point at) const {
  const std::lock_guard lock(mutex_);
  if (!last_) return std::nullopt;
  return wall - last_->date - std::chrono::floor<std::chrono::seconds>(at - last_->at);
}

}  // namespace signet
