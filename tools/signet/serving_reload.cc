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
  FileWatch certificate(files_.certificate, kMaxPemBytes);
  FileWatch key(files_.key, kMaxPemBytes);
  std::optional<FileWatch> client_ca;
  if (!files_.client_ca.empty()) {
    client_ca.emplace(files_.client_ca, kMaxPemBytes);
  }
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
    auto new_certificate = certificate.look();
    auto new_key = key.look();
    auto new_client_ca = client_ca ? client_ca->look() : std::nullopt;
    const auto now = now_seconds();
    if (!asked && !new_certificate && !new_key && !new_client_ca && !choice_.is_due(now)) {
      continue;
    }
    // What is new is offered with what the other files hold.
    ServingTexts texts{.certificate = new_certificate ? *std::move(new_certificate) : certificate.read(),
                       .key = new_key ? *std::move(new_key) : key.read()};
    if (client_ca) {
      texts.client_ca = new_client_ca ? *std::move(new_client_ca) : client_ca->read();
    }
    conclude(choice_.offer(texts, asked, now), asked);
    if (texts.key) {
      wipe_secret(*texts.key);
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
