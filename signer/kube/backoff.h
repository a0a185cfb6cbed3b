#pragma once

#include <algorithm>
#include <chrono>
#include <functional>
#include <optional>
#include <utility>

namespace signet {

// How long to wait before each next attempt: doubling from `first` to `longest`, of which a random part between a half
// and the whole, so that many clients do not come back together. Not for use from several threads.
class Backoff {
 public:
  using Duration = std::chrono::milliseconds;
  // A uniform number in [0, 1).
  using Random = std::function<double()>;

  // What a server may ask for with Retry-After at most: it may have recovered long before, and people wait.
  static constexpr std::chrono::seconds kLongestRetryAfter{3};

  Backoff(Duration first, Duration longest, Random random)
      : first_(first), longest_(longest), step_(first), random_(std::move(random)) {}

  // The wait before the next attempt; never shorter than what the server asked for, up to kLongestRetryAfter. `longest`
  // applies where it is less than that of all waits.
  [[nodiscard]] Duration next(std::optional<std::chrono::seconds> retry_after = std::nullopt,
                              Duration longest = Duration::max()) {
    step_ = std::min(step_, longest);
    const auto half = static_cast<double>(step_.count()) / 2;
    const Duration jittered(static_cast<Duration::rep>(half + half * random_()));
    step_ = std::min({step_ * 2, longest_, longest});
    if (!retry_after) return jittered;
    return std::max<Duration>(jittered, std::min(*retry_after, kLongestRetryAfter));
  }

  // After a success.
  void reset() { step_ = first_; }

 private:
  Duration first_;
  Duration longest_;
  Duration step_;
  Random random_;
};

}  // namespace signet
