#include "signer/trust/asn1_time.h"

#include <ctime>

#include "signer/csr/openssl_ptr.h"

namespace signet {

std::optional<std::chrono::sys_seconds> to_sys_seconds(const ASN1_TIME& time) {
  std::tm broken_down{};
  if (ASN1_TIME_to_tm(&time, &broken_down) != 1) {
    drain_openssl_errors();
    return std::nullopt;
  }
  const std::chrono::year_month_day day(std::chrono::year(broken_down.tm_year + 1900),
                                        std::chrono::month(static_cast<unsigned>(broken_down.tm_mon) + 1),
                                        std::chrono::day(static_cast<unsigned>(broken_down.tm_mday)));
  return std::chrono::sys_days(day) + std::chrono::hours(broken_down.tm_hour) +
         std::chrono::minutes(broken_down.tm_min) + std::chrono::seconds(broken_down.tm_sec);
}

}  // namespace signet
