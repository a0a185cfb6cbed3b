#pragma once

#include <chrono>
#include <mutex>
#include <optional>
#include <string_view>

namespace signet {

// The time of a Date header (RFC 9110 §5.6.7, IMF-fixdate alone); absent where the text is none.
[[nodiscard]] std::optional<std::chrono::sys_seconds> parse_http_date(std::string_view text);

// The API server's clock, as its answers tell it, carried on between them by a clock that nobody sets. May be used from
// several threads.
class ServerClock {
 public:
  using Clock = std::chrono::steady_clock;

  // An answer with this Date came at this moment. A text that is none is ignored.
  void heard(std::string_view date, Clock::time_point at);

  // By how much our own clock, which showed `wall` at this moment, is ahead; absent before anything was heard.
  [[nodiscard]] std::optional<std::chrono::seconds> lead_of(std::chrono::sys_seconds wall, Clock::time_point at) const;

 private:
  struct Heard {
    std::chrono::sys_seconds date;
    Clock::time_point at;
  };
  mutable std::mutex mutex_;
  std::optional<Heard> last_;  // guarded by mutex_
};

}  // namespace signet
