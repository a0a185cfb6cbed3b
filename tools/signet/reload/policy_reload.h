#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <tl/expected.hpp>

#include "signer/kube/backoff.h"
#include "tools/signet/inputs/look_timer.h"
#include "tools/signet/metrics/metrics.h"
#include "tools/signet/reload/policy_choice.h"

namespace signet {

/// Brings a policy file into force whenever it is another one, on a thread of its own, and logs what came of it.
class PolicyReload {
 public:
  /// As PolicyChoice has it; gives up when it is told to stop.
  using BringIntoForce =
      std::function<tl::expected<void, PolicyRefusal>(const std::shared_ptr<const Policy>&, const std::stop_token&)>;

  /// `digest`: of what is in force, since `loaded`. Watches nothing yet.
  PolicyReload(std::string file, std::string digest, std::chrono::system_clock::time_point loaded,
               Backoff::Random random);
  PolicyReload(const PolicyReload&) = delete;
  PolicyReload& operator=(const PolicyReload&) = delete;
  /// Waits for the attempt that is under way.
  ~PolicyReload() = default;

  /// Watches from now on. `bring` is called by the thread alone. Once.
  void start(BringIntoForce bring);
  /// No further attempt is begun.
  void request_stop() { thread_.request_stop(); }

  /// Has the file read and its outcome logged at once, whether it changed or not.
  void read_now();

  [[nodiscard]] MetricReadings::PolicyState state() const;

 private:
  void run(const BringIntoForce& bring, const std::stop_token& stop);
  /// What came of a look at the file.
  void conclude(const PolicyChoice::Outcome& outcome, bool asked, const std::stop_token& stop);

  const std::string file_;
  const Backoff::Random random_;
  mutable std::mutex mutex_;
  LookTimer timer_;
  MetricReadings::PolicyState state_;  ///< guarded by mutex_
  std::jthread thread_;
};

}  // namespace signet
