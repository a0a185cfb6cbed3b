#include "signer/kube/lease_keeper.h"

#include <condition_variable>
#include <mutex>
#include <utility>

namespace signet {
namespace {

using Kind = LeaseElection::Step::Kind;

void wait_until(LeaseElection::Clock::time_point until, const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any never;
  std::unique_lock lock(mutex);
  never.wait_until(lock, stop, until, [] { return false; });
}

}  // namespace

LeaseKeeper::LeaseKeeper(LeaseKeeperConfig config)
    : config_(std::move(config)),
      election_(config_.name, config_.identity, config_.timing),
      thread_([this](const std::stop_token& stop) { run(stop); }) {}

void LeaseKeeper::stop() {
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
}

void LeaseKeeper::run(const std::stop_token& stop) {
  bool was_held = false;
  while (!stop.stop_requested()) {
    const bool stands_aside = config_.stands_aside && config_.stands_aside();
    if (stands_aside) give_back();
    const LeaseElection::Step step = election_.next(Clock::now(), std::chrono::system_clock::now(), stands_aside);
    switch (step.kind) {
      case Kind::kWait:
        wait_until(step.until, stop);
        break;
      case Kind::kLook:
        look();
        break;
      case Kind::kWrite:
        write(step.lease);
        break;
    }
    if (config_.term.is_running() != was_held) {
      was_held = !was_held;
      config_.on_change(was_held);
    }
  }
  give_back();
}

void LeaseKeeper::give_back() {
  const auto given_back = election_.release(std::chrono::system_clock::now());
  config_.term.end_at(election_.held_until());
  if (given_back) write(*given_back);
}

void LeaseKeeper::look() {
  auto lease = config_.api.get_lease(config_.name_space, config_.name);
  if (lease) {
    election_.seen(std::move(*lease), Clock::now());
  } else if (lease.error().kind == KubeError::Kind::kNotFound) {
    election_.seen(std::nullopt, Clock::now());
  } else {
    fail("reading", lease.error());
    return;
  }
  problem_.clear();
}

void LeaseKeeper::write(const Lease& lease) {
  const Clock::time_point sent = Clock::now();
  auto written = config_.api.write_lease(config_.name_space, lease);
  if (written) {
    election_.written(std::move(*written), sent);
    config_.term.end_at(election_.held_until());
    problem_.clear();
  } else if (written.error().kind == KubeError::Kind::kConflict) {
    election_.failed(Clock::now());  // somebody was faster
  } else {
    fail("writing", written.error());
  }
}

void LeaseKeeper::fail(const std::string& doing, const KubeError& error) {
  election_.failed(Clock::now());
  std::string problem = doing + " Lease " + config_.name_space + '/' + config_.name + " failed: " + error.message;
  if (problem == problem_) return;
  problem_ = std::move(problem);
  config_.on_problem(problem_);
}

}  // namespace signet
