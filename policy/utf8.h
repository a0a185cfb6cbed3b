#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace signet {

// Length in bytes (1 to 4) of the well-formed UTF-8 sequence that begins at `text[at]`, or 0 when none does: overlong
// forms, surrogates and values above U+10FFFF are not well-formed (Unicode Standard, Table 3-7). `at` must be less than
// text.size().
[[nodiscard]] std::size_t utf8_sequence_length(std::string_view text, std::size_t at);

// Offset of the first byte that does not belong to a well-formed sequence; nullopt when all of `text` is UTF-8.
[[nodiscard]] std::optional<std::size_t> find_invalid_utf8(std::string_view text);

}  // namespace signet
