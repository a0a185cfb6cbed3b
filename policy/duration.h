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

/// Reads a duration as Go does (time.ParseDuration, so metav1.Duration: "1.5h", "2160h0m0s", "90m30.5s"), rounded up to
/// whole seconds. Nothing for any other text, and for a negative one.
[[nodiscard]] std::optional<std::chrono::seconds> parse_go_duration(std::string_view text);

/// The shortest of the former texts: "24h", "1h30m".
[[nodiscard]] std::string to_string(std::chrono::seconds duration);

}  // namespace signet
