#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "webhook/event_loop.h"
#include "webhook/front_counts.h"
#include "webhook/listener.h"
#include "webhook/wake_fd.h"

namespace signet {

// Takes connections from a listener and gives each to the loop that has the fewest.
class Acceptor {
 public:
  // `wake` must be a descriptor; `loops` must not be empty and must outlive it. A loop is given no more while
  // `max_load` connections are on it or on their way to it.
  Acceptor(Listener listener, WakeFd wake, std::span<const std::unique_ptr<EventLoop>> loops, std::size_t max_load);

  // Accepts until stop(), then closes the listener. Call once, in a thread of its own.
  void run();
  // From any thread.
  void stop();
  void add_to(FrontCounts& counts) const;
  [[nodiscard]] std::uint16_t port() const { return port_; }

 private:
  void accept_one();
  // False when stop() came first.
  [[nodiscard]] bool wait_for_connection() const;
  // A short one, which stop() ends.
  void pause() const;

  UniqueFd listener_;
  const std::uint16_t port_;
  const WakeFd wake_;
  const std::span<const std::unique_ptr<EventLoop>> loops_;
  const std::size_t max_load_;

  std::atomic<bool> stopping_{false};
  std::atomic<std::uint64_t> accepted_{0};
  std::atomic<std::uint64_t> failures_{0};
};

}  // namespace signet
