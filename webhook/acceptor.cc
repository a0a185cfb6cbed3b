#include "webhook/acceptor.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <utility>

#include "webhook/client_address.h"

namespace signet {
namespace {

// How long accepting rests when the machine or the loops have no room: connections wait in the backlog meanwhile.
constexpr int kPauseMs = 10;

// accept(2): errors of the one connection that was to be taken, not of the listener.
bool concerns_one_connection(int error) {
  switch (error) {
    case EINTR:
    case EAGAIN:
    case ECONNABORTED:
    case EPROTO:
    case EPERM:
    case ENETDOWN:
    case ENOPROTOOPT:
    case EHOSTDOWN:
    case ENONET:
    case EHOSTUNREACH:
    case EOPNOTSUPP:
    case ENETUNREACH:
      return true;
    default:
      return false;
  }
}

}  // namespace

Acceptor::Acceptor(Listener listener, WakeFd wake, std::span<const std::unique_ptr<EventLoop>> loops,
                   std::size_t max_load)
    : listener_(std::move(listener.fd)),
      port_(listener.port),
      wake_(std::move(wake)),
      loops_(loops),
      max_load_(max_load) {}

void Acceptor::run() {
  while (!stopping_.load()) {
    // Without a connection waiting accept(2) must not be called: it looks for a free descriptor first, and one that is
    // missing would cost a connection its place for nobody.
    if (wait_for_connection()) {
      accept_one();
    }
  }
  listener_ = UniqueFd();
}

void Acceptor::stop() {
  stopping_.store(true);
  wake_.wake();
}

void Acceptor::add_to(FrontCounts& counts) const {
  counts.accepted += accepted_.load(std::memory_order_relaxed);
  counts.accept_failures += failures_.load(std::memory_order_relaxed);
}

void Acceptor::accept_one() {
  const auto by_load = [](const auto& a, const auto& b) { return a->load() < b->load(); };
  EventLoop& loop = **std::min_element(loops_.begin(), loops_.end(), by_load);
  if (loop.load() >= max_load_) {
    pause();
    return;
  }
  sockaddr_storage peer{};
  socklen_t size = sizeof peer;
  UniqueFd fd(::accept4(listener_.get(), std::bit_cast<sockaddr*>(&peer), &size, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (fd) {
    accepted_.fetch_add(1, std::memory_order_relaxed);
    loop.adopt(std::move(fd), client_address(peer));
  } else if (!concerns_one_connection(errno)) {
    // Descriptors or memory are used up (EMFILE, ENFILE, ENOBUFS, ENOMEM).
    failures_.fetch_add(1, std::memory_order_relaxed);
    (*std::max_element(loops_.begin(), loops_.end(), by_load))->make_room();
    pause();
  }
}

bool Acceptor::wait_for_connection() const {
  std::array<pollfd, 2> descriptors{pollfd{listener_.get(), POLLIN, 0}, pollfd{wake_.get(), POLLIN, 0}};
  return ::poll(descriptors.data(), descriptors.size(), -1) > 0 && descriptors[0].revents != 0;
}

void Acceptor::pause() const {
  pollfd descriptor{wake_.get(), POLLIN, 0};
  (void)::poll(&descriptor, 1, kPauseMs);
}

}  // namespace signet
