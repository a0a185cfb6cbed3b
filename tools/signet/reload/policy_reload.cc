#include "tools/signet/reload/policy_reload.h"

#include <ranges>
#include <utility>

#include "policy/policy_loader.h"
#include "tools/signet/inputs/file_watch.h"
#include "tools/signet/inputs/log.h"

namespace signet {
namespace {

// A file is taken when it was the same at two looks, so at most twice this after it was changed.
constexpr std::chrono::milliseconds kBetweenLooks{250};

// Between attempts of what lacks something outside the file.
constexpr std::chrono::milliseconds kFirstWait{1000};
constexpr std::chrono::milliseconds kLongestWait{30'000};

// A log is no place for a list of thousands.
constexpr std::size_t kMaxLoggedProblems = 20;

void log_refusal(const PolicyChoice::Outcome& outcome) {
  log(LogLevel::kError, "policy not taken",
      {{"old", outcome.before}, {"new", outcome.file}, {"problems", std::to_string(outcome.problems.size())}});
  for (const std::string& problem : outcome.problems | std::views::take(kMaxLoggedProblems)) {
    log(LogLevel::kError, "policy not taken: " + problem);
  }
}

}  // namespace

PolicyReload::PolicyReload(std::string file, std::string digest, std::chrono::system_clock::time_point loaded,
                           Backoff::Random random)
    : file_(std::move(file)),
      random_(std::move(random)),
      state_{.digest = std::move(digest), .loaded = loaded, .taken = 0, .not_taken = 0, .last_taken = true} {}

void PolicyReload::start(BringIntoForce bring) {
  thread_ = std::jthread([this, bring = std::move(bring)](const std::stop_token& stop) { run(bring, stop); });
}

void PolicyReload::read_now() { timer_.look_now(); }

MetricReadings::PolicyState PolicyReload::state() const {
  const std::lock_guard lock(mutex_);
  return state_;
}

void PolicyReload::run(const BringIntoForce& bring, const std::stop_token& stop) {
  using Clock = std::chrono::steady_clock;
  FileWatch watch(file_, kMaxPolicyBytes);
  PolicyChoice choice(file_, state().digest, [&](const auto& policy) { return bring(policy, stop); });
  Backoff backoff(kFirstWait, kLongestWait, random_);
  Clock::time_point next_try;
  while (true) {
    const bool asked = timer_.wait(kBetweenLooks, stop);
    if (stop.stop_requested()) {
      return;
    }
    if (const auto text = asked ? std::optional(watch.read()) : watch.look()) {
      backoff.reset();
      conclude(choice.offer(*text, asked), asked, stop);
    } else if (choice.waits() && Clock::now() >= next_try) {
      conclude(choice.retry(), asked, stop);
    } else {
      continue;
    }
    next_try = Clock::now() + backoff.next();
  }
}

void PolicyReload::conclude(const PolicyChoice::Outcome& outcome, bool asked, const std::stop_token& stop) {
  using Kind = PolicyChoice::Outcome::Kind;
  if (outcome.kind == Kind::kNotTaken && stop.stop_requested()) {
    return;
  }
  {
    const std::lock_guard lock(mutex_);
    if (outcome.kind == Kind::kTaken) {
      state_.digest = outcome.file;
      state_.loaded = std::chrono::system_clock::now();
      ++state_.taken;
    }
    state_.not_taken += outcome.kind == Kind::kNotTaken ? 1 : 0;
    if (outcome.kind != Kind::kNothingNew) {
      state_.last_taken = outcome.kind != Kind::kNotTaken;
    }
  }
  switch (outcome.kind) {
    case Kind::kTaken:
      log(LogLevel::kInfo, "policy reloaded", {{"old", outcome.before}, {"new", outcome.file}});
      log_policy_warnings(outcome.warnings);
      break;
    case Kind::kNotTaken:
      log_refusal(outcome);
      break;
    case Kind::kBack:
      log(LogLevel::kInfo, "the policy file holds the policy in force again", {{"policy", outcome.file}});
      break;
    case Kind::kNothingNew:
      if (asked) {
        log(LogLevel::kInfo, "the policy file holds the policy in force", {{"policy", outcome.file}});
      }
  }
}

}  // namespace signet
