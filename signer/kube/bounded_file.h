#pragma once

#include <cstddef>
#include <string>
#include <tl/expected.hpp>

namespace signet {

/// The whole of the regular file at `path`, or of the one that a symbolic link there leads to. Never waits, as for a
/// FIFO that nobody writes to. The error reads `path: message`; one of more than `max_bytes` is one. The text stands in
/// one buffer alone, so that who wipes it wipes all that was read.
[[nodiscard]] tl::expected<std::string, std::string> read_bounded_file(const std::string& path, std::size_t max_bytes);

}  // namespace signet
