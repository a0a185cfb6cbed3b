#include "policy/ip_address.h"

#include <arpa/inet.h>

#include <array>

namespace signet {

std::optional<std::string> canonical_ip_address(std::string_view written) {
  const std::string text(written);
  if (text.find('\0') != std::string::npos) {
    return std::nullopt;
  }
  std::array<unsigned char, sizeof(in6_addr)> address{};
  std::array<char, INET6_ADDRSTRLEN> canonical{};
  for (const int family : {AF_INET, AF_INET6}) {
    if (inet_pton(family, text.c_str(), address.data()) == 1 &&
        inet_ntop(family, address.data(), canonical.data(), canonical.size()) != nullptr) {
      return std::string(canonical.data());
    }
  }
  return std::nullopt;
}

}  // namespace signet
