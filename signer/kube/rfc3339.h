#pragma once

#include <chrono>
#include <string>

namespace signet {

/// A time as Kubernetes and the audit logs write it, RFC 3339 in UTC: to the microsecond
/// ("2026-11-23T10:00:00.000001Z") and to the second.
[[nodiscard]] std::string to_rfc3339(std::chrono::system_clock::time_point time);
[[nodiscard]] std::string to_rfc3339(std::chrono::sys_seconds time);

}  // namespace signet
