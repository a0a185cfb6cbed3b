#include "tools/signet/serve/replica_identity.h"

#include <unistd.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <random>

namespace signet {

std::string replica_identity() {
  std::array<char, 256> host{};  // POSIX names are 255 bytes at most
  if (::gethostname(host.data(), host.size() - 1) != 0) {
    host = {'?'};
  }
  std::random_device random;
  std::array<char, 24> digits{};
  std::snprintf(digits.data(), digits.size(), "%08x%08x", static_cast<std::uint32_t>(random()),
                static_cast<std::uint32_t>(random()));
  return std::string(host.data()) + '_' + digits.data();
}

}  // namespace signet
