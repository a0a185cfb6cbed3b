#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

namespace signet {

/// What PEM from outside may cost.
struct PemLimits {
  std::size_t max_bytes;
  std::size_t max_blocks;
};

/// The bytes inside the PEM blocks of `text`, one or more, all labelled `label`. The strict grammar of RFC 7468 §3 and
/// nothing beside it: no headers, no text before, between or after the blocks but the end of the last line, lines of 64
/// characters (the last of a block may be shorter) that all end in LF or all in CRLF, base 64 that has only one
/// reading.
[[nodiscard]] tl::expected<std::vector<std::string>, std::string> read_pem(std::string_view text,
                                                                           std::string_view label,
                                                                           const PemLimits& limits);

}  // namespace signet
