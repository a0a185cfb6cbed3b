#include "tools/signet/serving/serving_upkeep.h"

#include <chrono>
#include <condition_variable>
#include <utility>

#include "tools/signet/inputs/log.h"

namespace signet {
namespace {

// A caBundle that somebody overwrote refuses everything that is asked until it is mended.
constexpr std::chrono::milliseconds kBetweenLooks{10'000};

// After a look that found what it could not mend.
constexpr std::chrono::milliseconds kFirstWait{500};
constexpr std::chrono::milliseconds kLongestWait{30'000};

TlsIdentity identity_of(const ServingMaterial& material) {
  return {.certificate_pem = material.tls_crt, .key_pem = material.tls_key};
}

}  // namespace

ServingUpkeep::ServingUpkeep(ServingPlace place, ServingApi& api, ServingMaterial first, Backoff::Random random)
    : keeper_(std::move(place), api, first), random_(std::move(random)), identity_(identity_of(first)) {}

void ServingUpkeep::start() {
  thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
}

TlsIdentity ServingUpkeep::identity() {
  const std::lock_guard lock(mutex_);
  shown_ = generation_;
  return identity_;
}

std::uint64_t ServingUpkeep::generation() const {
  const std::lock_guard lock(mutex_);
  return generation_;
}

ReadinessCheck ServingUpkeep::check() const {
  const std::lock_guard lock(mutex_);
  // The first one that is shown is our own, which nobody trusts unless it is the one that is kept.
  const bool is_shown = is_shared_ && (shown_ > 0 || generation_ == 0);
  const std::string text = problem_.empty() && !is_shown ? "not kept yet" : problem_;
  return {.name = "serving-secret", .problem = is_shown ? "" : text, .note = is_shown ? text : ""};
}

void ServingUpkeep::run(const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any never;
  Backoff backoff(kFirstWait, kLongestWait, random_);
  while (!stop.stop_requested()) {
    std::chrono::milliseconds wait = kBetweenLooks;
    if (look()) {
      backoff.reset();
    } else {
      wait = backoff.next();
    }
    std::unique_lock lock(mutex);
    never.wait_for(lock, stop, wait, [] { return false; });
  }
}

bool ServingUpkeep::look() {
  const auto kept = keeper_.keep(std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now()));
  const std::string problem = kept ? "" : kept.error();
  TlsIdentity identity = identity_of(keeper_.material());
  std::string before;
  {
    const std::lock_guard lock(mutex_);
    if (identity.certificate_pem != identity_.certificate_pem) {
      identity_ = std::move(identity);
      ++generation_;
    }
    is_shared_ = keeper_.is_shared();
    before = std::exchange(problem_, problem);
  }
  if (!problem.empty() && problem != before) {
    log(LogLevel::kError, "serving certificate not kept in order: " + problem);
  } else if (problem.empty() && !before.empty()) {
    log(LogLevel::kInfo, "the serving certificate is kept in order again");
  }
  return problem.empty();
}

}  // namespace signet
