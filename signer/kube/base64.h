#pragma once

#include <string>
#include <string_view>
#include <tl/expected.hpp>

namespace signet {

// Base 64 by RFC 4648 §4, strictly: its alphabet, padding always and only where it belongs, zero trailing bits, no
// white space. So every byte string has exactly one text. The error reads `byte N: rule`.
[[nodiscard]] tl::expected<std::string, std::string> base64_decode(std::string_view text);

[[nodiscard]] std::string base64_encode(std::string_view bytes);

}  // namespace signet
