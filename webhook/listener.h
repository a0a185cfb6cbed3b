#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "webhook/unique_fd.h"

namespace signet {

// A listening TCP socket, non-blocking.
struct Listener {
  UniqueFd fd;
  std::uint16_t port = 0;

  // `address` is `IPV4:PORT` or `[IPV6]:PORT`, numeric; port 0 takes a free one; `[::]` takes IPv4 too. The port is
  // ours alone: one that somebody listens on is an error.
  [[nodiscard]] static tl::expected<Listener, std::string> open(std::string_view address);
};

}  // namespace signet
