#include "webhook/https_front.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>

#include "webhook/acceptor.h"
#include "webhook/event_loop.h"
#include "webhook/http_exchange.h"
#include "webhook/listener.h"
#include "webhook/tls_context.h"
#include "webhook/wake_fd.h"

namespace signet {
namespace {

// Connections that may wait for a loop above its share, so that a loop at its cap still learns of new ones.
constexpr std::size_t kLoadAboveShare = 16;

// Signals are main's: it waits for SIGTERM to call drain().
void block_signals() {
  sigset_t all;
  sigfillset(&all);
  (void)pthread_sigmask(SIG_BLOCK, &all, nullptr);
}

std::size_t thread_count(const FrontLimits& limits) {
  const std::size_t wanted = limits.threads != 0 ? limits.threads : std::thread::hardware_concurrency();
  return std::clamp<std::size_t>(wanted, 1, std::max<std::size_t>(1, limits.max_connections));
}

// One loop's part of what is limited in total.
FrontLimits share_of(const FrontLimits& limits, std::size_t loops) {
  FrontLimits share = limits;
  share.max_connections = std::max<std::size_t>(1, limits.max_connections / loops);
  // Always enough for one request of the largest kind, whose buffer may have grown to twice its size.
  share.max_buffered_bytes =
      std::max(limits.max_buffered_bytes / loops, 2 * (limits.head.max_bytes + limits.max_body_bytes));
  return share;
}

}  // namespace

class HttpsFront::Impl {
 public:
  Impl(SslContextPtr tls, std::vector<HttpRoute> routes, HttpHandler handler, std::size_t max_body_bytes)
      : tls_(std::move(tls)), exchange_(std::move(routes), std::move(handler), max_body_bytes) {}
  ~Impl() { drain(std::chrono::milliseconds(0)); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  tl::expected<void, std::string> start(Listener listener, const FrontLimits& limits) {
    const std::size_t loops = thread_count(limits);
    const FrontLimits share = share_of(limits, loops);
    for (std::size_t i = 0; i < loops; ++i) {
      auto loop = EventLoop::create(share, exchange_, [this] { return tls(); });
      if (!loop) {
        return tl::unexpected(loop.error());
      }
      loops_.push_back(*std::move(loop));
    }
    WakeFd wake;
    if (!wake) {
      return tl::unexpected("acceptor: " + std::generic_category().message(errno));
    }
    acceptor_.emplace(std::move(listener), std::move(wake), loops_, share.max_connections + kLoadAboveShare);
    return start_threads();
  }

  void retire() {
    for (const auto& loop : loops_) {
      loop->retire();
    }
  }

  void drain(std::chrono::milliseconds patience) {
    const std::lock_guard lock(drain_mutex_);
    if (acceptor_thread_.joinable()) {
      acceptor_->stop();
      acceptor_thread_.join();
    }
    const auto deadline = std::chrono::steady_clock::now() + patience;
    for (const auto& loop : loops_) {
      loop->drain(deadline);
    }
    for (std::thread& thread : loop_threads_) {
      thread.join();
    }
    loop_threads_.clear();
  }

  [[nodiscard]] std::uint16_t port() const { return acceptor_->port(); }

  [[nodiscard]] FrontCounts counts() const {
    FrontCounts counts;
    acceptor_->add_to(counts);
    for (const auto& loop : loops_) {
      loop->add_to(counts);
    }
    return counts;
  }

  void set_tls(SslContextPtr tls) {
    const std::lock_guard lock(tls_mutex_);
    tls_ = std::move(tls);
  }

 private:
  // The standard library says by an exception that there is no thread to be had.
  tl::expected<void, std::string> start_threads() {
    try {
      for (const auto& loop : loops_) {
        loop_threads_.emplace_back([&loop = *loop] {
          block_signals();
          loop.run();
        });
      }
      acceptor_thread_ = std::thread([this] {
        block_signals();
        acceptor_->run();
      });
    } catch (const std::system_error& error) {
      return tl::unexpected("threads: " + error.code().message());
    }
    return {};
  }

  [[nodiscard]] SslContextPtr tls() {
    const std::lock_guard lock(tls_mutex_);
    return tls_;
  }

  std::mutex tls_mutex_;
  // Guarded by tls_mutex_.
  SslContextPtr tls_;

  HttpExchange exchange_;
  std::vector<std::unique_ptr<EventLoop>> loops_;
  std::optional<Acceptor> acceptor_;

  std::mutex drain_mutex_;
  // Guarded by drain_mutex_ once they run.
  std::vector<std::thread> loop_threads_;
  std::thread acceptor_thread_;
};

HttpsFront::HttpsFront(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

HttpsFront::~HttpsFront() = default;

tl::expected<std::unique_ptr<HttpsFront>, std::string> HttpsFront::start(std::string_view address,
                                                                         const TlsIdentity& identity,
                                                                         const Limits& limits,
                                                                         std::vector<HttpRoute> routes,
                                                                         HttpHandler handler) {
  std::signal(SIGPIPE, SIG_IGN);
  auto tls = make_tls_context(identity);
  if (!tls) {
    return tl::unexpected(tls.error());
  }
  auto listener = Listener::open(address);
  if (!listener) {
    return tl::unexpected(listener.error());
  }
  auto impl = std::make_unique<Impl>(*std::move(tls), std::move(routes), std::move(handler), limits.max_body_bytes);
  if (const auto started = impl->start(*std::move(listener), limits); !started) {
    return tl::unexpected(started.error());
  }
  return std::make_unique<HttpsFront>(std::move(impl));
}

std::uint16_t HttpsFront::port() const { return impl_->port(); }

FrontCounts HttpsFront::counts() const { return impl_->counts(); }

tl::expected<void, std::string> HttpsFront::set_identity(const TlsIdentity& identity) {
  auto tls = make_tls_context(identity);
  if (!tls) {
    return tl::unexpected(tls.error());
  }
  impl_->set_tls(*std::move(tls));
  return {};
}

void HttpsFront::retire() { impl_->retire(); }

void HttpsFront::drain(std::chrono::milliseconds patience) { impl_->drain(patience); }

}  // namespace signet
