#pragma once

#include <cstdint>

namespace signet {

/// How many certificates a tenant may have signed: in any time t at most burst + per_minute * t.
struct IssuanceQuota {
  std::int64_t per_minute = 1;  ///< certificates a minute in the long run, 1 to kMaxPerMinute
  std::int64_t burst = 1;       ///< certificates at once, after a time without any, 1 to kMaxBurst

  /// More than any API server takes. Together they also keep the arithmetic of whoever counts far from its limits.
  static constexpr std::int64_t kMaxPerMinute = 1'000'000;
  static constexpr std::int64_t kMaxBurst = 1'000'000;

  friend bool operator==(const IssuanceQuota&, const IssuanceQuota&) = default;
};

}  // namespace signet
