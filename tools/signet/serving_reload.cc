#include "tools/signet/serving_reload.h"

#include <chrono>
#include <optional>
#include <utility>

#include "signer/kube/rfc3339.h"
#include "signer/kube/wipe_secret.h"
#include "tools/signet/log.h"

namespace signet {
namespace {

// Files are taken when they were the same at two looks, so at most twice this after they were changed.
constexpr std::chrono::milliseconds kBetweenLooks{250};

std::chrono::sys_seconds now_seconds() {
  return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
}

}  // namespace

ServingReload::ServingReload(ServingFiles files, const TlsIdentity& in_use, const ServingPeriod& period,
                             ServingChoice::Show show)
    : files_(std::move(files)), choice_(in_use, std::move(show)), state_{.period = period, .last_taken = true} {}

void ServingReload::start() {
  thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
}

void ServingReload::read_now() {
  const std::lock_guard lock(mutex_);
  asked_ = true;
  changed_.notify_all();
}

ServingState ServingReload::state() const {
  const std::lock_guard lock(mutex_);
  return state_;
}

void ServingReload::run(const std::stop_token& stop) {
  FileWatch certificate_file(files_.certificate, kMaxPemBytes);
  FileWatch key_file(files_.key, kMaxPemBytes);
  while (true) {
    bool asked = false;
    {
      std::unique_lock lock(mutex_);
      changed_.wait_for(lock, stop, kBetweenLooks, [this] { return asked_; });
      asked = std::exchange(asked_, false);
    }
    if (stop.stop_requested()) {
      return;
    }
    auto certificate = certificate_file.look();
    auto key = key_file.look();
    const auto now = now_seconds();
    if (!asked && !certificate && !key && !choice_.is_due(now)) {
      continue;
    }
    // One that is new is offered with what the other holds.
    if (asked || !certificate) {
      certificate = certificate_file.read();
    }
    if (asked || !key) {
      key = key_file.read();
    }
    conclude(choice_.offer(*certificate, *key, asked, now), asked);
    if (key->has_value()) {
      wipe_secret(**key);
    }
  }
}

void ServingReload::conclude(const ServingChoice::Outcome& outcome, bool asked) {
  using Kind = ServingChoice::Outcome::Kind;
  {
    const std::lock_guard lock(mutex_);
    if (outcome.period) {
      state_.period = *outcome.period;
    }
    if (outcome.kind != Kind::kNothingNew) {
      state_.last_taken = outcome.kind != Kind::kNotTaken;
    }
  }
  switch (outcome.kind) {
    case Kind::kTaken:
      log(LogLevel::kInfo, "serving certificate reloaded", {{"notAfter", to_rfc3339(outcome.period->not_after)}});
      break;
    case Kind::kNotTaken:
      log(LogLevel::kError, "serving certificate not taken: " + outcome.problem);
      break;
    case Kind::kBack:
      log(LogLevel::kInfo, "the files hold the serving certificate in use again");
      break;
    case Kind::kNothingNew:
      if (asked) {
        log(LogLevel::kInfo, "the files hold the serving certificate in use");
      }
  }
}

}  // namespace signet
