#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace signet {

/// Reads a duration as Go writes it ("24h", "1h30m0s"), restricted to whole hours, minutes and seconds in that order,
/// each at most once. Nothing for any other text, and for one of more than 2^31-1 seconds, which is the most that
/// spec.expirationSeconds can carry.
[[nodiscard]] std::optional<std::chrono::seconds> parse_duration(std::string_view text);

/// The shortest such text: "24h", "1h30m".
[[nodiscard]] std::string to_string(std::chrono::seconds duration);

}  // namespace signet
