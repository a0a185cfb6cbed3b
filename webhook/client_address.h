#pragma once

#include <sys/socket.h>

#include <array>
#include <cstdint>

namespace signet {

// Where a connection comes from, its port left aside: an IPv6 address, or an IPv4 one as RFC 4291 §2.5.5.2 maps it.
using ClientAddress = std::array<std::uint8_t, 16>;

// All zeros for an address of another family.
[[nodiscard]] ClientAddress client_address(const sockaddr_storage& peer);

}  // namespace signet
