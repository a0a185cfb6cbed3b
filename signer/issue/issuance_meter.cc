#include "signer/issue/issuance_meter.h"

#include <algorithm>
#include <type_traits>

namespace signet {
namespace {

// A token in parts, of which `per_minute` come every nanosecond: the nanoseconds of a minute.
constexpr std::int64_t kToken = std::chrono::nanoseconds(std::chrono::minutes(1)).count();

// With the largest quota, a full bucket and one token more can still be counted.
static_assert(IssuanceQuota::kMaxBurst < INT64_MAX / kToken - 1);

// Tenants of which forgetting the full ones would save nothing.
constexpr std::size_t kFew = 64;

static_assert(std::is_same_v<IssuanceMeter::Clock::duration, std::chrono::nanoseconds>);

std::int64_t divide_up(std::int64_t dividend, std::int64_t divisor) { return (dividend + divisor - 1) / divisor; }

}  // namespace

std::int64_t IssuanceMeter::missing_at(const Bucket& bucket, std::int64_t per_minute, Clock::time_point now) {
  // Unsigned, so that it is right for any two times.
  const auto elapsed = static_cast<std::uint64_t>(now.time_since_epoch().count()) -
                       static_cast<std::uint64_t>(bucket.at.time_since_epoch().count());
  const std::int64_t until_full = divide_up(bucket.missing, per_minute);
  if (elapsed >= static_cast<std::uint64_t>(until_full)) return 0;
  return bucket.missing - static_cast<std::int64_t>(elapsed) * per_minute;
}

std::optional<std::chrono::nanoseconds> IssuanceMeter::take(const std::string& tenant, const IssuanceQuota& quota,
                                                            Clock::time_point now) {
  const std::int64_t full = quota.burst * kToken;
  const std::lock_guard lock(mutex_);
  now = latest_ = std::max(now, latest_);
  forget_full(now);
  Bucket& bucket = buckets_.try_emplace(tenant, Bucket{.missing = 0, .at = now}).first->second;
  bucket.missing = std::min(missing_at(bucket, quota.per_minute, now), full);
  bucket.at = now;
  bucket.per_minute = quota.per_minute;
  const std::int64_t lacking = bucket.missing + kToken - full;
  if (lacking > 0) return std::chrono::nanoseconds(divide_up(lacking, quota.per_minute));
  bucket.missing += kToken;
  return std::nullopt;
}

void IssuanceMeter::forget_full(Clock::time_point now) {
  if (buckets_.size() < std::max(forget_at_, kFew)) return;
  std::erase_if(buckets_,
                [&](const auto& entry) { return missing_at(entry.second, entry.second.per_minute, now) == 0; });
  forget_at_ = 2 * buckets_.size();
}

std::size_t IssuanceMeter::size() const {
  const std::lock_guard lock(mutex_);
  return buckets_.size();
}

}  // namespace signet
