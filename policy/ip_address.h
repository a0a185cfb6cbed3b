#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace signet {

/// The one way to write an IPv4 address (RFC 791) or an IPv6 address (RFC 5952); nothing for what is neither.
[[nodiscard]] std::optional<std::string> canonical_ip_address(std::string_view written);

}  // namespace signet
