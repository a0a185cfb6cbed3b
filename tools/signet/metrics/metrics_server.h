#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <tl/expected.hpp>
#include <vector>

#include "webhook/http_exchange.h"
#include "webhook/listener.h"
#include "webhook/wake_fd.h"

namespace signet {

/// GET /metrics over plain HTTP, for whoever reaches the port: one thread, one request a connection, few connections of
/// little memory and a short life each. When all are taken, the oldest makes room for the next.
class MetricsServer {
 public:
  struct Limits {
    std::size_t connections = 32;
    std::chrono::milliseconds patience{5000};  ///< from the accepting to the last byte of the answer
    HttpHeadLimits head;
  };

  /// Serves when it returns. `address` is `IPV4:PORT` or `[IPV6]:PORT`, port 0 for a free one. `text` gives the metrics
  /// and is called in the server's thread.
  [[nodiscard]] static tl::expected<std::unique_ptr<MetricsServer>, std::string> start(
      std::string_view address, const Limits& limits, std::function<std::string()> text);

  /// Through start().
  MetricsServer(Listener listener, WakeFd wake, const Limits& limits, std::function<std::string()> text);
  /// Closes every connection.
  ~MetricsServer();
  MetricsServer(const MetricsServer&) = delete;
  MetricsServer& operator=(const MetricsServer&) = delete;

  [[nodiscard]] std::uint16_t port() const { return listener_.port; }

 private:
  using Clock = std::chrono::steady_clock;

  struct Connection {
    UniqueFd fd;
    Clock::time_point deadline;
    std::string received = {};
    std::size_t scanned = 0;
    std::string answer = {};  ///< what is left of it; empty while the request is not complete
    bool over = false;
  };

  void run();
  void accept_one();
  /// False when the connection is over.
  [[nodiscard]] bool advance(Connection& connection);
  [[nodiscard]] bool receive(Connection& connection);
  [[nodiscard]] std::string answer_to(std::string_view head);

  const Listener listener_;
  const WakeFd wake_;
  const Limits limits_;
  HttpExchange exchange_;
  std::atomic<bool> stopping_ = false;
  std::vector<Connection> connections_;  ///< oldest first; the thread's alone
  std::thread thread_;
};

}  // namespace signet
