#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace signet {

// Text of others, made fit for a terminal or a log: what arrives there is what a person sees.

/// Length in bytes of the character (code point) at `text[at]`; a byte that begins no well-formed UTF-8 is one of its
/// own. `at` must be less than text.size().
[[nodiscard]] std::size_t character_length(std::string_view text, std::size_t at);

/// Appends one character, or "?" in place of one that would not be shown as itself: no UTF-8, a control, a change of
/// direction, of no width, a line separator.
void append_shown(std::string& out, std::string_view character);

/// The characters of `text` so, as many as fit in `max_bytes` of it; "…" where that is not all.
[[nodiscard]] std::string shown(std::string_view text, std::size_t max_bytes);

/// How many columns `text` takes in a table: code points, which is as good for the names that people give.
[[nodiscard]] std::size_t width_of(std::string_view text);

}  // namespace signet
