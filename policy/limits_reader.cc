#include "policy/limits_reader.h"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "policy/certificate_limits.h"
#include "policy/duration.h"
#include "policy/quoting.h"

namespace signet {
namespace {

// A list of what `value_named` gives for the names of `all`.
template <typename Values, typename Value = typename Values::value_type>
std::vector<Value> read_values(PolicyFields& fields, const PolicyField& at, const Values& all,
                               std::optional<Value> (*value_named)(std::string_view), std::string_view what) {
  std::vector<std::string_view> known;
  std::ranges::transform(all, std::back_inserter(known), [](Value value) { return to_string(value); });
  std::vector<Value> values;
  for (const std::string& name : fields.names(
           at, [&](std::string_view text) { return value_named(text).has_value(); },
           std::string(what) + " that can be signed: " + joined(known), known)) {
    values.push_back(*value_named(name));
  }
  return values;
}

std::optional<std::chrono::seconds> read_lifetime(PolicyFields& fields, const PolicyField& at) {
  const auto value = fields.text(at);
  if (!value) {
    return std::nullopt;
  }
  const std::optional<std::chrono::seconds> seconds = parse_duration(*value);
  if (!seconds) {
    fields.problem(PolicyRule::kInvalidValue, at,
                   in_quotes(*value) + " is not a duration such as 24h or 1h30m (at most 596523h)");
  } else if (*seconds < kMinDuration) {
    fields.problem(PolicyRule::kInvalidValue, at,
                   in_quotes(*value) + " is shorter than 10m, the least that Kubernetes lets anybody ask for");
    return std::nullopt;
  }
  return seconds;
}

}  // namespace

void read_limits(PolicyFields& fields, const PolicyField& at, CertificateLimits& limits) {
  if (!fields.expect_map(at, kCertificateKeys)) {
    return;
  }
  if (const PolicyField keys = at.field("keys"); keys.node != nullptr) {
    limits.keys = read_values(fields, keys, kKeyTypes, key_type_named, "a key type");
  }
  if (const PolicyField usages = at.field("usages"); usages.node != nullptr) {
    limits.usages = read_values(fields, usages, kUsages, usage_named, "a usage");
  }
  const PolicyField least = at.field("minDuration");
  const PolicyField most = at.field("maxDuration");
  if (most.node != nullptr) {
    limits.max_duration = read_lifetime(fields, most).value_or(limits.max_duration);
  }
  if (least.node != nullptr) {
    limits.min_duration = read_lifetime(fields, least).value_or(limits.min_duration);
  }
  const bool stated = least.node != nullptr || most.node != nullptr;  // else it is said where they are
  if (stated && limits.max_duration.count() != 0 && limits.min_duration > limits.max_duration) {
    fields.problem(PolicyRule::kInvalidValue, least.node != nullptr ? least : most,
                   "no lifetime is both at least " + to_string(limits.min_duration) + " and at most " +
                       to_string(limits.max_duration));
  }
  if (const std::string choice = fields.choice(at.field("durationOutOfBounds"), kOutOfBoundsChoices); !choice.empty()) {
    limits.out_of_bounds =
        choice == "deny" ? CertificateLimits::OutOfBounds::kDeny : CertificateLimits::OutOfBounds::kClamp;
  }
}

Modes read_modes(PolicyFields& fields, const PolicyField& at) {
  Modes modes;
  if (at.node == nullptr || !fields.expect_map(at, kModesKeys)) {
    return modes;
  }
  for (const PolicyKey& key : kModesKeys) {
    if (const std::optional<Mode> mode = mode_named(fields.choice(at.field(key.name), kModeChoices))) {
      if (const std::optional<Reason> reason = reason_named(key.name)) {
        modes.named.emplace(*reason, *mode);
      } else {
        modes.all = mode;
      }
    }
  }
  return modes;
}

std::optional<IssuanceQuota> read_quota(PolicyFields& fields, const PolicyField& at) {
  if (at.node == nullptr || !fields.expect_map(at, kQuotaKeys)) {
    return std::nullopt;
  }
  const auto per_minute = fields.number(at.field("perMinute"), 1, IssuanceQuota::kMaxPerMinute);
  const auto burst = fields.number(at.field("burst"), 1, IssuanceQuota::kMaxBurst);
  return per_minute && burst ? std::optional(IssuanceQuota{.per_minute = *per_minute, .burst = *burst}) : std::nullopt;
}

}  // namespace signet
