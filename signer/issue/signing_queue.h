#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
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

namespace signet {

/// Requests that wait to be reconciled, and the threads that do it: many at once, but never two for one name. Of a
/// request that changes while it waits only the newest state counts; what could not be decided comes back later.
class SigningQueue {
 public:
  struct Options {
    std::size_t workers = 16;  ///< most of a reconcile is waiting for the API server
    Backoff::Duration first_wait = std::chrono::milliseconds(200);
    Backoff::Duration longest_wait = std::chrono::seconds(60);
    Backoff::Random random;  ///< called by one thread at a time
  };
  using Clock = std::chrono::steady_clock;
  /// Called from all workers at once. `since` is when the request came into the queue, which it leaves when it is
  /// decided.
  using Reconcile = std::function<ReconcileResult(const CertificateSigningRequest&, Clock::time_point since)>;

  SigningQueue(Options options, Reconcile reconcile);
  ~SigningQueue() { stop(); }
  SigningQueue(const SigningQueue&) = delete;
  SigningQueue& operator=(const SigningQueue&) = delete;

  /// The request's state is now `csr`. One that waits for another try is tried at once, unless `csr` is what it waits
  /// with.
  void add(const CertificateSigningRequest& csr);

  /// The request is gone; `last` is how it was. It is forgotten, unless the end of a certificate for it is not known.
  void remove(const CertificateSigningRequest& last);

  /// Returns when the reconciles under way have; what waits is dropped.
  void stop();

  struct Depth {
    std::size_t waiting = 0;  ///< of these names the newest state has not been looked at, or is to be again
    std::size_t working = 0;
  };
  [[nodiscard]] Depth depth() const;

 private:
  /// A name that waits, is worked on, or both. Ready names are in `ready_`, those with a time in `later_`.
  struct Item {
    std::optional<CertificateSigningRequest> next;
    std::optional<Clock::time_point> due;
    Clock::time_point since;
    bool ready = false;
    bool working = false;
    bool gone = false;
    bool unsettled = false;
    Backoff backoff;
  };
  using Items = std::map<std::string, Item>;

  void run();
  void make_ready(Items::iterator item);
  void make_later(Items::iterator item, std::optional<std::chrono::seconds> retry_after);
  void take_back(Items::iterator item, CertificateSigningRequest csr, const ReconcileResult& result);
  void make_due_ready();

  const Options options_;
  const Reconcile reconcile_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  Items items_;                                                ///< guarded by mutex_, as all below
  std::deque<std::string> ready_;                              ///< each once
  std::set<std::pair<Clock::time_point, std::string>> later_;  ///< soonest first
  std::size_t working_ = 0;
  bool stopping_ = false;
  std::vector<std::thread> workers_;
};

}  // namespace signet
