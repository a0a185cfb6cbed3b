#include "webhook/listener.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <bit>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <optional>
#include <system_error>
#include <utility>

namespace signet {
namespace {

// The kernel cuts it down to net.core.somaxconn.
constexpr int kBacklog = 1024;

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;
};

std::optional<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const char* const end = text.data() + text.size();
  const auto [parsed_to, error] = std::from_chars(text.data(), end, port);
  if (error != std::errc{} || parsed_to != end) {
    return std::nullopt;
  }
  return port;
}

template <typename T>
SocketAddress to_socket_address(const T& address) {
  SocketAddress result;
  std::memcpy(&result.storage, &address, sizeof address);
  result.size = sizeof address;
  return result;
}

std::optional<SocketAddress> parse_address(std::string_view address) {
  const std::size_t colon = address.rfind(':');
  if (colon == std::string_view::npos) {
    return std::nullopt;
  }
  const auto port = parse_port(address.substr(colon + 1));
  if (!port) {
    return std::nullopt;
  }
  const std::string_view host = address.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) {
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(*port);
    const std::string text(host.substr(1, host.size() - 2));
    return ::inet_pton(AF_INET6, text.c_str(), &v6.sin6_addr) == 1 ? std::optional(to_socket_address(v6))
                                                                   : std::nullopt;
  }
  sockaddr_in v4{};
  v4.sin_family = AF_INET;
  v4.sin_port = htons(*port);
  return ::inet_pton(AF_INET, std::string(host).c_str(), &v4.sin_addr) == 1 ? std::optional(to_socket_address(v4))
                                                                            : std::nullopt;
}

std::uint16_t port_of(const sockaddr_storage& storage) {
  if (storage.ss_family == AF_INET6) {
    sockaddr_in6 v6{};
    std::memcpy(&v6, &storage, sizeof v6);
    return ntohs(v6.sin6_port);
  }
  sockaddr_in v4{};
  std::memcpy(&v4, &storage, sizeof v4);
  return ntohs(v4.sin_port);
}

const sockaddr* as_sockaddr(const sockaddr_storage& storage) { return std::bit_cast<const sockaddr*>(&storage); }

}  // namespace

tl::expected<Listener, std::string> Listener::open(std::string_view address) {
  const std::string place = "listen on \"" + std::string(address.substr(0, 64)) + "\": ";
  const auto parsed = parse_address(address);
  if (!parsed) {
    return tl::unexpected(place + "the address must be IPV4:PORT or [IPV6]:PORT, numeric");
  }
  const auto failed = [&] { return tl::unexpected(place + std::generic_category().message(errno)); };

  UniqueFd fd(::socket(parsed->storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) {
    return failed();
  }
  // Connections of an earlier process in TIME_WAIT do not hold the port; a listener does.
  const int on = 1;
  const int off = 0;
  if (::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
      (parsed->storage.ss_family == AF_INET6 &&
       ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off) != 0) ||
      ::bind(fd.get(), as_sockaddr(parsed->storage), parsed->size) != 0 || ::listen(fd.get(), kBacklog) != 0) {
    return failed();
  }
  sockaddr_storage bound{};
  socklen_t size = sizeof bound;
  if (::getsockname(fd.get(), std::bit_cast<sockaddr*>(&bound), &size) != 0) {
    return failed();
  }
  return Listener{std::move(fd), port_of(bound)};
}

}  // namespace signet
