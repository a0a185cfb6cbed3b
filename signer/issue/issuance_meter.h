#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

#include "policy/issuance_quota.h"

namespace signet {

/// Holds what is signed for each tenant to its quota, as a bucket of tokens, one for a certificate: it holds `burst` of
/// them, is full at first, and fills by `per_minute` a minute. Counted in integers, to the nanosecond; nothing is
/// rounded. Safe for many threads.
class IssuanceMeter {
 public:
  using Clock = std::chrono::steady_clock;

  /// Takes a token of the tenant. Returns nothing if there was one, else how long until there is: more than nothing and
  /// a minute at most. `quota` must be within its bounds; it counts at once, whatever it was before: what was taken
  /// stays taken, but no more of it is remembered than the burst. A `now` that is earlier than the latest is the
  /// latest.
  [[nodiscard]] std::optional<std::chrono::nanoseconds> take(const std::string& tenant, const IssuanceQuota& quota,
                                                             Clock::time_point now);

  /// How many tenants are remembered. Those whose bucket is full again are forgotten in time: there are never more than
  /// twice as many as had one that was not full, or than a few.
  [[nodiscard]] std::size_t size() const;

 private:
  struct Bucket {
    std::int64_t missing = 0;  ///< of a full bucket at `at`, in parts of a token (issuance_meter.cc)
    Clock::time_point at;
    std::int64_t per_minute = 1;  ///< the last that was known
  };
  using Buckets = std::unordered_map<std::string, Bucket>;

  [[nodiscard]] static std::int64_t missing_at(const Bucket& bucket, std::int64_t per_minute, Clock::time_point now);
  void forget_full(Clock::time_point now);

  mutable std::mutex mutex_;
  Buckets buckets_;            ///< guarded by mutex_, as all below
  std::size_t forget_at_ = 0;  ///< so many buckets are looked through for full ones
  Clock::time_point latest_ = Clock::time_point::min();
};

}  // namespace signet
