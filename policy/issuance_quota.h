#pragma once

#include <cstdint>

namespace signet {

/// How many certificates a tenant is issued.
struct IssuanceQuota {
  std::int64_t per_minute = 1;
  std::int64_t burst = 1;

  friend bool operator==(const IssuanceQuota&, const IssuanceQuota&) = default;
};

}  // namespace signet
