#pragma once

#include <openssl/asn1.h>

#include <chrono>
#include <optional>

namespace signet {

/// Nothing where it is no time (RFC 5280 §4.1.2.5).
[[nodiscard]] std::optional<std::chrono::sys_seconds> to_sys_seconds(const ASN1_TIME& time);

}  // namespace signet
