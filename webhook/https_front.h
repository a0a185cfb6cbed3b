#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "webhook/front_counts.h"
#include "webhook/front_limits.h"
#include "webhook/http_message.h"
#include "webhook/http_route.h"
#include "webhook/tls_identity.h"

namespace signet {

// The HTTPS server in front of the reviews: HTTP/1.1 and 1.0 over TLS 1.2 or 1.3, for clients of which most may be
// hostile. Only complete requests for a known route, of sound framing and within the limits, reach the handler; the
// rest is answered here with a fixed text or just closed. Where the identity has client CAs, what is asked of a route
// for known clients without one of their certificates is the rest, too. Nothing of a request is logged.
//
// Its threads take no signals, and SIGPIPE is ignored from the first start() on.
class HttpsFront {
  class Impl;

 public:
  using Limits = FrontLimits;

  // Serves when it returns. `address` is `IPV4:PORT` or `[IPV6]:PORT`, port 0 for a free one. The error says what is
  // wrong with the address, the identity or the machine.
  [[nodiscard]] static tl::expected<std::unique_ptr<HttpsFront>, std::string> start(std::string_view address,
                                                                                    const TlsIdentity& identity,
                                                                                    const Limits& limits,
                                                                                    std::vector<HttpRoute> routes,
                                                                                    HttpHandler handler);
  // Through start().
  explicit HttpsFront(std::unique_ptr<Impl> impl);
  // drain() without patience.
  ~HttpsFront();
  HttpsFront(const HttpsFront&) = delete;
  HttpsFront& operator=(const HttpsFront&) = delete;

  // All of these may be called from any thread but a handler's.

  [[nodiscard]] std::uint16_t port() const;
  [[nodiscard]] FrontCounts counts() const;
  // For connections from now on; those that are open stay as they are. After an error the identity is what it was.
  [[nodiscard]] tl::expected<void, std::string> set_identity(const TlsIdentity& identity);
  // From now on every answer closes its connection: under load its peers move to another server, none of them in the
  // middle of a request, as could happen to an idle connection that drain() closes.
  void retire();
  // Stops accepting, closes idle connections, answers the requests that have begun with `Connection: close` and, at the
  // latest after `patience`, closes what is left. Returns when every thread has ended; a second call does nothing.
  void drain(std::chrono::milliseconds patience);

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace signet
