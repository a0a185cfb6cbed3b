#pragma once

#include <string>
#include <tl/expected.hpp>

namespace signet {

/// Keeps what this process has in memory to itself: it leaves no core dump, wherever the system sends them, and other
/// processes of the same user can neither read its memory nor attach to it, unless they have CAP_SYS_PTRACE. Fails
/// with what the system does not let it do. In a build with sanitizers only the first: the leak checker attaches.
[[nodiscard]] tl::expected<void, std::string> keep_memory_private();

}  // namespace signet
