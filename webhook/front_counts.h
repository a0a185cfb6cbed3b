#pragma once

#include <cstdint>

namespace signet {

// Connections at about one moment, and what became of earlier ones since the start.
struct FrontCounts {
  // Now.
  std::uint64_t handshaking = 0;
  std::uint64_t idle = 0;
  std::uint64_t reading = 0;
  std::uint64_t writing = 0;
  std::uint64_t lingering = 0;
  // Since the start.
  std::uint64_t accepted = 0;
  std::uint64_t accept_failures = 0;
  std::uint64_t closed_for_room = 0;
  std::uint64_t expired = 0;
};

}  // namespace signet
