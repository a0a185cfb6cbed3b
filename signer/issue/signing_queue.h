#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "signer/issue/reconcile.h"
#include "signer/kube/backoff.h"
#include "signer/kube/packed_request.h"

namespace signet {

/// Requests that wait to be reconciled, and the threads that do it: many at once, but never two for one name. Of a
/// request that changes while it waits only the newest state counts; what could not be decided comes back later.
///
/// The requests of one tenant are a flow. Flows have their turn one after the other, one request a turn, so that nobody
/// waits for another's many. A flow that is throttled pauses until there is a token and keeps its order; then one of
/// its requests is tried, and for each that is not throttled one more at once.
class SigningQueue {
 public:
  using Clock = std::chrono::steady_clock;
  struct Options {
    std::size_t workers = 16;  ///< most of a reconcile is waiting for the API server
    Backoff::Duration first_wait = std::chrono::milliseconds(200);
    Backoff::Duration longest_wait = std::chrono::seconds(60);
    Backoff::Duration longest_transient_wait = std::chrono::seconds(2);  ///< where ReconcileResult::transient
    /// Of many that wait to be tried again no more are in a second: they must be no burden to an API server that is
    /// only just itself again.
    std::size_t most_tries_per_second = 500;
    Backoff::Random random;  ///< called by one thread at a time
    /// The tenant that a request is probably of, empty for nobody's: asked when a request comes, by one thread at a
    /// time. Absent: nobody's. One that turns out to be of another tenant when it is throttled goes to that one's flow.
    std::function<std::string(const CertificateSigningRequest&)> flow_of = {};
    /// Told once, by any thread, when a flow begins to be throttled, with the message of its result, and once more,
    /// with an empty message, when it has not been for as long as `calm`.
    std::function<void(const std::string& flow, const std::string& message)> on_throttled = {};
    /// Longer than the longest wait for a token, so that whoever is at the edge of a quota is told of once.
    Clock::duration calm = std::chrono::minutes(2);
  };
  /// Called from all workers at once. `since` is when the request came into the queue, which it leaves when it is
  /// decided.
  using Reconcile = std::function<ReconcileResult(const CertificateSigningRequest&, Clock::time_point since)>;

  SigningQueue(Options options, Reconcile reconcile);
  ~SigningQueue() { stop(); }
  SigningQueue(const SigningQueue&) = delete;
  SigningQueue& operator=(const SigningQueue&) = delete;

  /// The request's state is now `csr`. One that waits for another try is tried at once, unless `csr` is what it waits
  /// with; one that waits for its flow goes on waiting in its place.
  void add(const CertificateSigningRequest& csr);

  /// The request's state is now `csr`, in which there is nothing to do (reconcile.h, is_idle): for a name that is in
  /// the queue as add(), but that what has just been decided is not looked at again; any other is not taken in.
  void note(const CertificateSigningRequest& csr);

  /// The request is gone; `last` is how it was. It is forgotten, unless the end of a certificate for it is not known.
  void remove(const CertificateSigningRequest& last);

  /// As remove() of every request: for when they are somebody else's from now on.
  void clear();

  /// Returns when the reconciles under way have; what waits is dropped.
  void stop();

  struct Depth {
    std::size_t waiting = 0;  ///< of these names the newest state has not been looked at, or is to be again
    std::size_t working = 0;
  };
  [[nodiscard]] Depth depth() const;

 private:
  /// A name that waits, is worked on, or both. Ready ones stand in their flow, those with a time in `later_`.
  struct Item {
    std::optional<PackedRequest> next;
    bool next_is_idle = false;
    std::optional<Clock::time_point> due;
    Clock::time_point since;
    std::string flow;
    std::uint64_t place = 0;  ///< in its flow, if ready or throttled
    bool ready = false;
    bool working = false;
    bool gone = false;
    bool unsettled = false;
    Backoff backoff;
  };
  using Items = std::map<std::string, Item>;

  /// There while something of it is ready or in work, or while it is throttled.
  struct Flow {
    std::map<std::uint64_t, Items::iterator> ready;  ///< by place
    std::size_t working = 0;
    std::size_t most_working;                ///< as many as there are workers, unless throttled
    bool paused = false;                     ///< throttled, and there is no token yet
    std::optional<Clock::time_point> until;  ///< throttled: the end of the pause or, after it, of being throttled
    std::optional<std::uint64_t> turn;       ///< its key in turns_, where it stands if anything of it may be worked on
  };
  using Flows = std::map<std::string, Flow>;
  using Times = std::set<std::pair<Clock::time_point, std::string>>;  ///< soonest first

  void run();
  void work(std::unique_lock<std::mutex>& lock);
  void wait(std::unique_lock<std::mutex>& lock);
  void tell(std::unique_lock<std::mutex>& lock);
  void set_next(Item& item, const CertificateSigningRequest& csr);
  void forget(Items::iterator item);
  void make_ready(Items::iterator item);
  void make_later(Items::iterator item, const ReconcileResult& result);
  void enter_flow(Items::iterator item);
  void take_back(Items::iterator item, const CertificateSigningRequest& csr, const ReconcileResult& result);
  Flows::iterator flow_named(const std::string& name);
  void arrange(Flows::iterator flow);
  void pause(const ReconcileResult::Throttled& throttled, const std::string& message);
  void set_until(Flows::iterator flow, std::optional<Clock::time_point> until);
  void keep_time();

  const Options options_;
  const Reconcile reconcile_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  Items items_;  ///< guarded by mutex_, as all below
  Flows flows_;
  std::map<std::uint64_t, Flows::iterator> turns_;  ///< the flows that something may be worked on of, the next first
  Times later_;                                     ///< names of items
  Times throttled_;                                 ///< names of flows
  std::vector<std::pair<std::string, std::string>> to_tell_;  ///< for on_throttled
  std::uint64_t last_place_ = 0;
  std::uint64_t last_turn_ = 0;
  std::size_t waiting_ = 0;  ///< items with a `next`
  std::size_t working_ = 0;
  bool stopping_ = false;
  std::vector<std::thread> workers_;
};

}  // namespace signet
