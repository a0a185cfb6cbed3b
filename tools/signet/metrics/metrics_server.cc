#include "tools/signet/metrics/metrics_server.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

namespace signet {
namespace {

// Prometheus' text format, as its scraper wants to see it named.
constexpr std::string_view kContentType = "text/plain; version=0.0.4; charset=utf-8";

// After accepting failed, most likely for want of descriptors.
constexpr int kPauseMilliseconds = 100;

HttpHandler handler_of(std::function<std::string()> text) {
  return [text = std::move(text)](const HttpRequest&) {
    return HttpResponse{.status = 200, .content_type = std::string(kContentType), .body = text()};
  };
}

bool would_block() { return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR; }

}  // namespace

tl::expected<std::unique_ptr<MetricsServer>, std::string> MetricsServer::start(std::string_view address,
                                                                               const Limits& limits,
                                                                               std::function<std::string()> text) {
  auto listener = Listener::open(address);
  if (!listener) {
    return tl::unexpected(listener.error());
  }
  WakeFd wake;
  if (!wake) {
    return tl::unexpected("eventfd: " + std::generic_category().message(errno));
  }
  return std::make_unique<MetricsServer>(*std::move(listener), std::move(wake), limits, std::move(text));
}

MetricsServer::MetricsServer(Listener listener, WakeFd wake, const Limits& limits, std::function<std::string()> text)
    : listener_(std::move(listener)),
      wake_(std::move(wake)),
      limits_(limits),
      exchange_({{.path = "/metrics", .takes_json = false}}, handler_of(std::move(text)), 0),
      thread_([this] { run(); }) {}

MetricsServer::~MetricsServer() {
  stopping_ = true;
  wake_.wake();
  thread_.join();
}

void MetricsServer::run() {
  std::vector<pollfd> polled;
  while (!stopping_) {
    polled.assign({{wake_.get(), POLLIN, 0}, {listener_.fd.get(), POLLIN, 0}});
    Clock::time_point first_deadline = Clock::time_point::max();
    for (const Connection& connection : connections_) {
      const short events = connection.answer.empty() ? POLLIN : POLLOUT;
      polled.push_back({connection.fd.get(), events, 0});
      first_deadline = std::min(first_deadline, connection.deadline);
    }
    int timeout = -1;
    if (!connections_.empty()) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(first_deadline - Clock::now());
      timeout = std::max(0, static_cast<int>(left.count()));
    }
    ::poll(polled.data(), polled.size(), timeout);

    const Clock::time_point now = Clock::now();
    std::size_t place = 2;
    for (Connection& connection : connections_) {
      const bool ready = polled[place++].revents != 0;
      connection.over = now >= connection.deadline || (ready && !advance(connection));
    }
    std::erase_if(connections_, [](const Connection& connection) { return connection.over; });
    if (polled[1].revents != 0) {
      accept_one();
    }
  }
}

void MetricsServer::accept_one() {
  UniqueFd fd(::accept4(listener_.fd.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (!fd) {
    if (!would_block() && errno != ECONNABORTED) {
      pollfd stopped{wake_.get(), POLLIN, 0};
      ::poll(&stopped, 1, kPauseMilliseconds);
    }
    return;
  }
  if (connections_.size() >= limits_.connections) {
    connections_.erase(connections_.begin());
  }
  connections_.push_back({.fd = std::move(fd), .deadline = Clock::now() + limits_.patience});
}

bool MetricsServer::advance(Connection& connection) {
  if (connection.answer.empty() && !receive(connection)) {
    return false;
  }
  if (connection.answer.empty()) {
    return true;
  }
  const ssize_t sent = ::send(connection.fd.get(), connection.answer.data(), connection.answer.size(), MSG_NOSIGNAL);
  if (sent < 0) {
    return would_block();
  }
  connection.answer.erase(0, static_cast<std::size_t>(sent));
  return !connection.answer.empty();
}

bool MetricsServer::receive(Connection& connection) {
  std::array<char, 4096> buffer{};
  const ssize_t count = ::recv(connection.fd.get(), buffer.data(), buffer.size(), 0);
  if (count <= 0) {
    return count < 0 && would_block();
  }
  connection.received.append(buffer.data(), static_cast<std::size_t>(count));
  const auto end = find_head_end(connection.received, connection.scanned, limits_.head);
  if (!end) {
    connection.answer = refusal_text(end.error());
  } else if (*end) {
    connection.answer = answer_to(std::string_view(connection.received).substr(0, **end));
  }
  return true;
}

std::string MetricsServer::answer_to(std::string_view head) {
  const auto parsed = parse_head(head, limits_.head);
  if (!parsed) {
    return refusal_text(parsed.error());
  }
  if (const auto admitted = exchange_.admit(*parsed, true); !admitted) {
    return refusal_text(admitted.error());
  }
  return exchange_.answer(*parsed, {}, true);
}

}  // namespace signet
