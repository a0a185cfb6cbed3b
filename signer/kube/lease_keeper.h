#pragma once

#include <atomic>
#include <functional>
#include <stop_token>
#include <string>
#include <thread>

#include "signer/kube/kube_api.h"
#include "signer/kube/lease_election.h"

namespace signet {

// Whether a Lease is held at this very moment. Safe for many threads; nobody waits.
class LeaseTerm {
 public:
  using Clock = LeaseElection::Clock;

  // False from the end of the term on, even if the process was stopped when it came.
  [[nodiscard]] bool is_running() const { return Clock::now().time_since_epoch().count() < end_; }
  void end_at(Clock::time_point end) { end_ = end.time_since_epoch().count(); }

 private:
  std::atomic<Clock::rep> end_ = 0;
};

struct LeaseKeeperConfig {
  // What is behind the references must outlive the keeper.
  KubeApi& api;
  LeaseTerm& term;
  std::string name_space;
  std::string name;
  // As LeaseElection has it.
  std::string identity;
  LeaseTiming timing;
  // Whether another should have the Lease, for nothing could be done with it here: it is then given back and not taken.
  // Asked from the keeper's thread, about every second at least. Absent: never.
  std::function<bool()> stands_aside = {};
  // From the keeper's thread: true when the term has begun, false after it has ended without another, in turn. Must
  // return soon: meanwhile nothing is renewed.
  std::function<void(bool held)> on_change;
  // What keeps us from reading or writing the Lease; told once for as long as it is the same.
  std::function<void(const std::string& message)> on_problem;
};

// Takes part in the election for a Lease and keeps `term`.
class LeaseKeeper {
 public:
  // Starts at once.
  explicit LeaseKeeper(LeaseKeeperConfig config);
  ~LeaseKeeper() { stop(); }
  LeaseKeeper(const LeaseKeeper&) = delete;
  LeaseKeeper& operator=(const LeaseKeeper&) = delete;

  // Ends the term, without on_change, and gives the Lease back, so that another can have it at once. Whatever the
  // holder does must have ended.
  void stop();

 private:
  using Clock = LeaseElection::Clock;

  void run(const std::stop_token& stop);
  void look();
  void write(const Lease& lease);
  void give_back();
  void fail(const std::string& doing, const KubeError& error);

  const LeaseKeeperConfig config_;
  LeaseElection election_;  // of the thread alone
  std::string problem_;     // of the thread alone: what was told last
  std::jthread thread_;
};

}  // namespace signet
