#include "tools/signet/serving/serving_reload.h"

#include <chrono>
#include <cstdint>
#include <utility>

#include "signer/kube/rfc3339.h"
#include "signer/kube/wipe_secret.h"
#include "tools/signet/inputs/log.h"

namespace signet {
namespace {

// A file is taken when it was the same at two looks, so at most twice this after it was changed.
constexpr std::chrono::milliseconds kBetweenLooks{250};

std::chrono::sys_seconds now_seconds() {
  return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
}

// Nothing is watched where there is no path.
std::optional<FileWatch> watch(const std::string& path) {
  return path.empty() ? std::nullopt : std::optional<FileWatch>(std::in_place, path, kMaxPemBytes);
}

}  // namespace

ServingLook look_at(const ServingFiles& files) {
  return [certificate = FileWatch(files.certificate, kMaxPemBytes), key = FileWatch(files.key, kMaxPemBytes),
          client_ca = watch(files.client_ca)](bool asked) mutable -> std::optional<ServingTexts> {
    auto new_certificate = certificate.look();
    auto new_key = key.look();
    auto new_client_ca = client_ca ? client_ca->look() : std::nullopt;
    if (!asked && !new_certificate && !new_key && !new_client_ca) {
      return std::nullopt;
    }
    // What is new is offered with what the other files hold.
    ServingTexts texts{.certificate = new_certificate ? *std::move(new_certificate) : certificate.read(),
                       .key = new_key ? *std::move(new_key) : key.read()};
    if (client_ca) {
      texts.client_ca = new_client_ca ? *std::move(new_client_ca) : client_ca->read();
    }
    return texts;
  };
}

ServingLook look_at(ServingUpkeep& upkeep, const std::string& client_ca) {
  return [&upkeep, generation = std::uint64_t{0},
          client_ca = watch(client_ca)](bool asked) mutable -> std::optional<ServingTexts> {
    auto new_client_ca = client_ca ? client_ca->look() : std::nullopt;
    const std::uint64_t now = upkeep.generation();
    const bool is_new = std::exchange(generation, now) != now;
    if (!asked && !is_new && !new_client_ca) {
      return std::nullopt;
    }
    const TlsIdentity identity = upkeep.identity();
    ServingTexts texts{.certificate = identity.certificate_pem, .key = identity.key_pem};
    if (client_ca) {
      texts.client_ca = new_client_ca ? *std::move(new_client_ca) : client_ca->read();
    }
    return texts;
  };
}

ServingReload::ServingReload(ServingLook look, const TlsIdentity& in_use, const ServingPeriod& period,
                             ServingChoice::Show show)
    : look_(std::move(look)), choice_(in_use, std::move(show)), state_{.period = period, .last_taken = true} {}

void ServingReload::start() {
  thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
}

void ServingReload::read_now() { timer_.look_now(); }

ServingState ServingReload::state() const {
  const std::lock_guard lock(mutex_);
  return state_;
}

void ServingReload::run(const std::stop_token& stop) {
  while (true) {
    const bool asked = timer_.wait(kBetweenLooks, stop);
    if (stop.stop_requested()) {
      return;
    }
    const auto now = now_seconds();
    auto texts = look_(asked || choice_.is_due(now));
    if (!texts) {
      continue;
    }
    conclude(choice_.offer(*texts, asked, now), asked);
    if (texts->key) {
      wipe_secret(*texts->key);
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
      log(LogLevel::kInfo, "the serving certificate in use is the right one again");
      break;
    case Kind::kNothingNew:
      if (asked) {
        log(LogLevel::kInfo, "the serving certificate in use is the right one");
      }
  }
}

}  // namespace signet
