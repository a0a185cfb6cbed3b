#pragma once

#include <httplib.h>

#include <chrono>
#include <functional>

namespace signet {

// cpp-httplib's client, which asks the TLS connection for each octet of a header and sends head and body by themselves,
// with a buffer for either way: a fifth of what an exchange costs. For one request at a time.
class BufferedTlsClient final : public httplib::SSLClient {
 public:
  using httplib::SSLClient::SSLClient;

  // The longest silence of the server, and the longest that it takes nothing.
  void set_patience(std::chrono::milliseconds reading, std::chrono::milliseconds writing);

 private:
  bool process_socket(const Socket& socket, std::function<bool(httplib::Stream&)> exchange) override;

  struct Patience {
    int socket = -1;
    std::chrono::milliseconds reading{0};
    std::chrono::milliseconds writing{0};

    bool operator==(const Patience&) const = default;
  };

  std::chrono::milliseconds reading_{0};
  std::chrono::milliseconds writing_{0};
  // What the socket was told last.
  Patience in_force_;
};

}  // namespace signet
