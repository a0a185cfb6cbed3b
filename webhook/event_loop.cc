#include "webhook/event_loop.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <limits>
#include <map>
#include <system_error>
#include <tuple>
#include <utility>

namespace signet {
namespace {

constexpr std::uint64_t kWakeId = 0;
constexpr int kEventsPerWait = 256;
// Turns before it is looked again who has come meanwhile.
constexpr int kTurnsPerWait = 8;
// Connections that are begun meanwhile: however fast they come, most of the time is for those that are there.
constexpr std::size_t kAdoptionsPerWait = 3;
// A TLS record's payload (RFC 8446 §5.1), so that one read empties a record.
constexpr std::size_t kScratchBytes = std::size_t{16} << 10;

using Phase = Connection::Phase;

// Who is closed first when there is no room: of each rank, one of the address that has the most connections there, and
// of these the one longest in its phase. Strangers get half of the places at most and then push out each other: however
// fast they come, connections in use stay, and a new one has the few milliseconds it needs until it is none. `waits` is
// who has something to do, `slow` who takes longer over its phase than a well-behaved client.
int rank_of(const Connection& connection, bool strangers_crowd, bool waits, bool slow) {
  const Phase phase = connection.phase();
  if (phase == Phase::kLingering) {
    return 0;
  }
  if (connection.is_stranger() && strangers_crowd) {
    return 1;
  }
  if (phase == Phase::kIdle && !waits) {
    return 3;
  }
  return slow && !waits ? 2 : 4;
}

}  // namespace

EventLoop::EventLoop(const FrontLimits& limits, HttpExchange& exchange, TlsSource tls, Descriptors descriptors)
    : limits_(limits),
      exchange_(exchange),
      tls_(std::move(tls)),
      epoll_(std::move(descriptors.epoll)),
      wake_(std::move(descriptors.wake)),
      scratch_(kScratchBytes) {}

tl::expected<std::unique_ptr<EventLoop>, std::string> EventLoop::create(const FrontLimits& limits,
                                                                        HttpExchange& exchange, TlsSource tls) {
  Descriptors descriptors{UniqueFd(::epoll_create1(EPOLL_CLOEXEC)), WakeFd()};
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = kWakeId;
  if (!descriptors.epoll || !descriptors.wake ||
      ::epoll_ctl(descriptors.epoll.get(), EPOLL_CTL_ADD, descriptors.wake.get(), &event) != 0) {
    return tl::unexpected("event loop: " + std::generic_category().message(errno));
  }
  return std::make_unique<EventLoop>(limits, exchange, std::move(tls), std::move(descriptors));
}

void EventLoop::run() {
  for (;;) {
    wait_and_serve();
    std::optional<TimePoint> drain_deadline;
    {
      const std::lock_guard lock(mutex_);
      drain_deadline = drain_deadline_;
    }
    if (!drain_deadline) {
      continue;
    }
    const TimePoint now = std::chrono::steady_clock::now();
    if (!std::exchange(draining_, true)) {
      adopt_some(arrived_.size(), now);
      close_idle(now);
    }
    if (entries_.empty() || now >= *drain_deadline) {
      break;
    }
    next_expiry_ = std::min(next_expiry_, *drain_deadline);
  }
  while (!entries_.empty()) {
    close(entries_.begin());
  }
}

void EventLoop::adopt(UniqueFd fd, const ClientAddress& address) {
  // First, for the loop may close it, and count it out, at once.
  load_.fetch_add(1, std::memory_order_relaxed);
  {
    const std::lock_guard lock(mutex_);
    inbox_.push_back({std::move(fd), address});
  }
  wake_.wake();
}

void EventLoop::make_room() {
  {
    const std::lock_guard lock(mutex_);
    room_wanted_ = true;
  }
  wake_.wake();
}

void EventLoop::drain(TimePoint deadline) {
  {
    const std::lock_guard lock(mutex_);
    drain_deadline_ = deadline;
  }
  wake_.wake();
}

void EventLoop::add_to(FrontCounts& counts) const {
  const auto in = [&](Phase phase) {
    return by_phase_[static_cast<std::size_t>(phase)].load(std::memory_order_relaxed);
  };
  counts.handshaking += in(Phase::kHandshaking);
  counts.idle += in(Phase::kIdle);
  counts.reading += in(Phase::kReadingHead) + in(Phase::kReadingBody);
  counts.writing += in(Phase::kWriting);
  counts.lingering += in(Phase::kLingering);
  counts.closed_for_room += closed_for_room_.load(std::memory_order_relaxed);
  counts.expired += expired_.load(std::memory_order_relaxed);
}

void EventLoop::wait_and_serve() {
  std::array<epoll_event, kEventsPerWait> events;
  const int ready =
      ::epoll_wait(epoll_.get(), events.data(), kEventsPerWait, timeout_ms(std::chrono::steady_clock::now()));
  const TimePoint now = std::chrono::steady_clock::now();
  for (int i = 0; i < ready; ++i) {
    const Id id = events[static_cast<std::size_t>(i)].data.u64;
    if (id == kWakeId) {
      wake_.clear();
      take_inbox(now);
    } else if (const auto entry = entries_.find(id); entry != entries_.end()) {
      enqueue(entry);
    }
  }
  adopt_some(kAdoptionsPerWait, now);
  for (int turn = 0; turn < kTurnsPerWait && !queue_.empty(); ++turn) {
    const Id id = *queue_.pop();
    entries_.find(id)->second.waits = false;
    drive(id, now);
  }
  if (now >= next_expiry_) {
    close_expired(now);
  }
}

void EventLoop::take_inbox(TimePoint now) {
  std::vector<Adopted> inbox;
  bool room_wanted = false;
  {
    const std::lock_guard lock(mutex_);
    inbox.swap(inbox_);
    room_wanted = std::exchange(room_wanted_, false);
  }
  if (room_wanted) {
    close_least_missed(now);
  }
  std::ranges::move(inbox, std::back_inserter(arrived_));
}

void EventLoop::adopt_some(std::size_t most, TimePoint now) {
  for (; most > 0 && !arrived_.empty(); --most) {
    auto [fd, address] = std::move(arrived_.front());
    arrived_.pop_front();
    if (entries_.size() >= limits_.max_connections) {
      close_least_missed(now);
    }
    const int on = 1;
    (void)::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    SslPtr ssl(SSL_new(tls_().get()));
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = next_id_;
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd.get(), &event) != 0) {
      load_.fetch_sub(1, std::memory_order_relaxed);
      continue;
    }
    Entry entry{std::make_unique<Connection>(std::move(fd), std::move(ssl), limits_, exchange_, now), address,
                event.events};
    count(entry.connection->phase(), 1);
    next_expiry_ = std::min(next_expiry_, entry.connection->deadline());
    buffered_bytes_ += entry.connection->buffered_bytes();
    entries_.emplace(next_id_++, std::move(entry));
  }
}

void EventLoop::enqueue(Entries::iterator entry) {
  if (!std::exchange(entry->second.waits, true)) {
    queue_.push(entry->second.address, entry->first);
  }
}

void EventLoop::drive(Id id, TimePoint now) {
  const auto entry = entries_.find(id);
  if (entry == entries_.end()) {
    return;
  }
  Connection& connection = *entry->second.connection;
  const Phase before = connection.phase();
  const std::size_t buffered_before = connection.buffered_bytes();
  const Connection::Wants wants =
      connection.advance(now, draining_ || retiring_.load(std::memory_order_relaxed), scratch_);
  buffered_bytes_ += connection.buffered_bytes() - buffered_before;
  if (connection.phase() != before) {
    count(before, -1);
    count(connection.phase(), 1);
  }
  settle(entry, wants);
  keep_within_memory();
}

void EventLoop::settle(Entries::iterator entry, Connection::Wants wants) {
  if (wants == Connection::Wants::kNothing) {
    close(entry);
    return;
  }
  Entry& settled = entry->second;
  next_expiry_ = std::min(next_expiry_, settled.connection->deadline());
  if (wants == Connection::Wants::kTurn) {
    enqueue(entry);
    return;
  }
  const std::uint32_t events = wants == Connection::Wants::kWritable ? EPOLLOUT : EPOLLIN;
  if (events != settled.events) {
    epoll_event event{};
    event.events = events;
    event.data.u64 = entry->first;
    settled.events = events;
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, settled.connection->fd(), &event) != 0) {
      close(entry);
    }
  }
}

void EventLoop::close(Entries::iterator entry) {
  count(entry->second.connection->phase(), -1);
  buffered_bytes_ -= entry->second.connection->buffered_bytes();
  if (entry->second.waits) {
    queue_.remove(entry->second.address, entry->first);
  }
  // Closing the descriptor takes it out of the epoll set.
  entries_.erase(entry);
  load_.fetch_sub(1, std::memory_order_relaxed);
}

void EventLoop::close_least_missed(TimePoint now) {
  // By standing: the strangers of an address do not count against its connections that were answered.
  std::map<std::pair<ClientAddress, bool>, int> crowds;
  struct Candidate {
    Entries::iterator entry;
    const int& crowd;
  };
  std::vector<Candidate> candidates;
  candidates.reserve(entries_.size());
  std::size_t strangers = 0;
  for (auto entry = entries_.begin(); entry != entries_.end(); ++entry) {
    const bool is_stranger = entry->second.connection->is_stranger();
    strangers += is_stranger ? 1 : 0;
    candidates.push_back({entry, ++crowds[{entry->second.address, is_stranger}]});
  }
  const bool strangers_crowd = strangers * 2 >= entries_.size();
  const auto order = [&](const Candidate& candidate) {
    const Connection& connection = *candidate.entry->second.connection;
    const bool slow = now - connection.phase_began() >= limits_.patience_at_cap;
    return std::tuple(rank_of(connection, strangers_crowd, candidate.entry->second.waits, slow), -candidate.crowd,
                      connection.phase_began());
  };
  const auto found = std::min_element(candidates.begin(), candidates.end(),
                                      [&](const auto& a, const auto& b) { return order(a) < order(b); });
  if (found == candidates.end()) {
    return;
  }
  const Entries::iterator victim = found->entry;
  if (victim->second.connection->phase() == Phase::kIdle) {
    victim->second.connection->say_goodbye();
  }
  close(victim);
  closed_for_room_.fetch_add(1, std::memory_order_relaxed);
}

void EventLoop::close_expired(TimePoint now) {
  std::vector<Id> expired;
  next_expiry_ = TimePoint::max();
  for (const auto& [id, entry] : entries_) {
    if (entry.connection->deadline() <= now) {
      expired.push_back(id);
    } else {
      next_expiry_ = std::min(next_expiry_, entry.connection->deadline());
    }
  }
  for (const Id id : expired) {
    const auto entry = entries_.find(id);
    expired_.fetch_add(1, std::memory_order_relaxed);
    const Phase before = entry->second.connection->phase();
    const Connection::Wants wants = entry->second.connection->expire(now);
    count(before, -1);
    count(entry->second.connection->phase(), 1);
    settle(entry, wants);
  }
}

void EventLoop::close_idle(TimePoint now) {
  std::vector<Id> quiet;
  for (const auto& [id, entry] : entries_) {
    if (entry.connection->phase() == Phase::kIdle || entry.connection->phase() == Phase::kHandshaking) {
      quiet.push_back(id);
    }
  }
  for (const Id id : quiet) {
    // A request that has arrived and was not read yet is one in flight.
    drive(id, now);
    const auto entry = entries_.find(id);
    if (entry == entries_.end()) {
      continue;
    }
    const Phase phase = entry->second.connection->phase();
    if (phase == Phase::kIdle || phase == Phase::kHandshaking) {
      entry->second.connection->say_goodbye();
      close(entry);
    }
  }
}

void EventLoop::keep_within_memory() {
  while (buffered_bytes_ > limits_.max_buffered_bytes) {
    auto longest = entries_.end();
    for (auto entry = entries_.begin(); entry != entries_.end(); ++entry) {
      const Connection& connection = *entry->second.connection;
      const bool reading = connection.phase() == Phase::kReadingHead || connection.phase() == Phase::kReadingBody;
      if (reading &&
          (longest == entries_.end() || connection.phase_began() < longest->second.connection->phase_began())) {
        longest = entry;
      }
    }
    if (longest == entries_.end()) {
      return;
    }
    close(longest);
    closed_for_room_.fetch_add(1, std::memory_order_relaxed);
  }
}

int EventLoop::timeout_ms(TimePoint now) const {
  if (!queue_.empty() || !arrived_.empty() || next_expiry_ <= now) {
    return 0;
  }
  if (next_expiry_ == TimePoint::max()) {
    return -1;
  }
  // Rounded up: waking before the deadline would only mean waiting again.
  const auto wait = std::chrono::ceil<std::chrono::milliseconds>(next_expiry_ - now).count();
  return static_cast<int>(std::min<std::int64_t>(wait, std::numeric_limits<int>::max()));
}

void EventLoop::count(Phase phase, int by) {
  auto& counter = by_phase_[static_cast<std::size_t>(phase)];
  if (by > 0) {
    counter.fetch_add(1, std::memory_order_relaxed);
  } else {
    counter.fetch_sub(1, std::memory_order_relaxed);
  }
}

}  // namespace signet
