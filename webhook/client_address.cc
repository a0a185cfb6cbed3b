#include "webhook/client_address.h"

#include <netinet/in.h>

#include <cstring>

namespace signet {

ClientAddress client_address(const sockaddr_storage& peer) {
  ClientAddress address{};
  if (peer.ss_family == AF_INET6) {
    sockaddr_in6 v6{};
    std::memcpy(&v6, &peer, sizeof v6);
    std::memcpy(address.data(), &v6.sin6_addr, sizeof v6.sin6_addr);
  } else if (peer.ss_family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, &peer, sizeof v4);
    address[10] = address[11] = 0xff;
    std::memcpy(address.data() + 12, &v4.sin_addr, sizeof v4.sin_addr);
  }
  return address;
}

}  // namespace signet
