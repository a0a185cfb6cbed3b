#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <tl/expected.hpp>
#include <unordered_map>
#include <vector>

#include "webhook/client_address.h"
#include "webhook/connection.h"
#include "webhook/front_counts.h"
#include "webhook/front_limits.h"
#include "webhook/http_exchange.h"
#include "webhook/tls_context.h"
#include "webhook/turn_queue.h"
#include "webhook/unique_fd.h"
#include "webhook/wake_fd.h"

namespace signet {

// One thread's epoll and the connections that live on it. `limits` is this loop's share of the front's.
class EventLoop {
  struct Descriptors {
    UniqueFd epoll;
    WakeFd wake;
  };

 public:
  // Gives the TLS context for a new connection; called in the loop's thread.
  using TlsSource = std::function<SslContextPtr()>;
  using TimePoint = Connection::TimePoint;

  // `exchange` must outlive it.
  [[nodiscard]] static tl::expected<std::unique_ptr<EventLoop>, std::string> create(const FrontLimits& limits,
                                                                                    HttpExchange& exchange,
                                                                                    TlsSource tls);
  // Through create().
  EventLoop(const FrontLimits& limits, HttpExchange& exchange, TlsSource tls, Descriptors descriptors);

  // Serves until drain() and then until the last connection is gone or the time is up. Call once, in the loop's thread.
  void run();

  // The rest is called from other threads.

  // Takes a connection that was accepted; at the cap, another makes room for it.
  void adopt(UniqueFd fd, const ClientAddress& address);
  // Closes the connection least likely to be missed.
  void make_room();
  // From now on every answer closes its connection.
  void retire() { retiring_.store(true, std::memory_order_relaxed); }
  // Idle connections are closed, requests that have begun are answered until `deadline`, then run() returns.
  void drain(TimePoint deadline);
  // Connections, those not looked at yet included.
  [[nodiscard]] std::size_t load() const { return load_.load(std::memory_order_relaxed); }
  void add_to(FrontCounts& counts) const;

 private:
  struct Entry {
    std::unique_ptr<Connection> connection;
    ClientAddress address;
    // What epoll was told.
    std::uint32_t events = 0;
    // It is in queue_.
    bool waits = false;
  };
  struct Adopted {
    UniqueFd fd;
    ClientAddress address;
  };
  using Id = TurnQueue::Id;
  using Entries = std::unordered_map<Id, Entry>;

  void wait_and_serve();
  void take_inbox(TimePoint now);
  // At most so many of those that came.
  void adopt_some(std::size_t most, TimePoint now);
  void enqueue(Entries::iterator entry);
  void drive(Id id, TimePoint now);
  void settle(Entries::iterator entry, Connection::Wants wants);
  void close(Entries::iterator entry);
  void close_least_missed(TimePoint now);
  void close_expired(TimePoint now);
  void close_idle(TimePoint now);
  void keep_within_memory();
  [[nodiscard]] int timeout_ms(TimePoint now) const;
  void count(Connection::Phase phase, int by);

  const FrontLimits limits_;
  HttpExchange& exchange_;
  const TlsSource tls_;
  const UniqueFd epoll_;
  const WakeFd wake_;

  // Of the loop's thread alone.
  Entries entries_;
  Id next_id_ = 1;
  TurnQueue queue_;
  // Out of the inbox, and not among the entries yet.
  std::deque<Adopted> arrived_;
  std::vector<char> scratch_;
  std::size_t buffered_bytes_ = 0;
  // No deadline is before it.
  TimePoint next_expiry_ = TimePoint::max();
  bool draining_ = false;

  std::mutex mutex_;
  // Guarded by mutex_.
  std::vector<Adopted> inbox_;
  std::optional<TimePoint> drain_deadline_;
  bool room_wanted_ = false;

  std::atomic<bool> retiring_{false};
  std::atomic<std::size_t> load_{0};
  std::array<std::atomic<std::uint64_t>, Connection::kPhases> by_phase_{};
  std::atomic<std::uint64_t> closed_for_room_{0};
  std::atomic<std::uint64_t> expired_{0};
};

}  // namespace signet
