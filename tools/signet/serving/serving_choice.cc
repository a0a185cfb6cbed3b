#include "tools/signet/serving/serving_choice.h"

#include <utility>

#include "signer/csr/sha256.h"
#include "signer/kube/rfc3339.h"

namespace signet {
namespace {

// Tells identities apart without keeping a key.
std::string digest_of(const TlsIdentity& identity) {
  return sha256_hex(sha256_hex(identity.certificate_pem) + sha256_hex(identity.key_pem) +
                    sha256_hex(identity.client_ca_pem));
}

// The first of the texts that could not be read; null if all were.
const std::string* problem_of(const ServingTexts& texts) {
  for (const FileWatch::Text* text : {&texts.certificate, &texts.key, texts.client_ca ? &*texts.client_ca : nullptr}) {
    if (text != nullptr && !text->has_value()) {
      return &text->error();
    }
  }
  return nullptr;
}

// Why nobody takes a certificate at `now`; empty if it is valid.
std::string invalidity(const ServingPeriod& period, std::chrono::sys_seconds now) {
  if (now > period.not_after) {
    return "the certificate expired at " + to_rfc3339(period.not_after);
  }
  if (now < period.not_before) {
    return "the certificate is not valid before " + to_rfc3339(period.not_before);
  }
  return {};
}

}  // namespace

ReadinessCheck serving_check(const ServingState& state, std::chrono::sys_seconds now) {
  return {.name = "serving-certificate",
          .problem = invalidity(state.period, now),
          .note = state.last_taken ? "" : "another was not taken; the log says why"};
}

ServingChoice::ServingChoice(const TlsIdentity& in_use, Show show)
    : show_(std::move(show)), digest_(digest_of(in_use)) {}

ServingChoice::Outcome ServingChoice::offer(const ServingTexts& texts, bool asked, std::chrono::sys_seconds now) {
  due_.reset();
  if (asked) {
    told_.reset();
  }
  if (const std::string* const problem = problem_of(texts)) {
    return refuse({}, *problem);
  }
  const TlsIdentity identity{.certificate_pem = *texts.certificate,
                             .key_pem = *texts.key,
                             .client_ca_pem = texts.client_ca ? **texts.client_ca : ""};
  // To the front it would mean that nobody is asked any more.
  if (texts.client_ca && identity.client_ca_pem.empty()) {
    return refuse({}, "client CA: the file is empty");
  }
  std::string digest = digest_of(identity);
  if (digest == digest_) {
    told_.reset();
    return {.kind = std::exchange(refused_, false) ? Outcome::Kind::kBack : Outcome::Kind::kNothingNew};
  }
  const auto period = try_to_show(identity, now);
  if (!period) {
    return refuse(digest, period.error());
  }
  refused_ = false;
  told_.reset();
  digest_ = std::move(digest);
  return {.kind = Outcome::Kind::kTaken, .problem = {}, .period = *period};
}

tl::expected<ServingPeriod, std::string> ServingChoice::try_to_show(const TlsIdentity& identity,
                                                                    std::chrono::sys_seconds now) {
  const auto period = serving_period(identity);
  if (!period) {
    return period;
  }
  if (std::string problem = invalidity(*period, now); !problem.empty()) {
    if (now < period->not_before) {
      due_ = period->not_before;
    }
    return tl::unexpected(std::move(problem));
  }
  return show_(identity).map([&] { return *period; });
}

ServingChoice::Outcome ServingChoice::refuse(const std::string& digest, std::string problem) {
  refused_ = true;
  Told told{digest, std::move(problem)};
  if (told == told_) {
    return {};
  }
  told_ = std::move(told);
  return {.kind = Outcome::Kind::kNotTaken, .problem = told_->problem};
}

}  // namespace signet
