#include "policy/certificate_limits.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

#include "policy/duration.h"
#include "policy/quoting.h"

namespace signet {
namespace {

template <typename Value>
bool contains(const std::vector<Value>& values, const Value& value) {
  return std::ranges::find(values, value) != values.end();
}

// Those of the tenant's that the signer's list, if there is one, has too.
template <typename Value>
std::vector<Value> in_both(const std::vector<Value>& tenants, const std::vector<Value>* signers) {
  std::vector<Value> both;
  std::ranges::copy_if(tenants, std::back_inserter(both), [&](Value value) {
    return signers == nullptr || signers->empty() || contains(*signers, value);
  });
  return both;
}

std::string seconds_text(std::chrono::seconds duration) { return std::to_string(duration.count()) + " s"; }

}  // namespace

bool LimitsInForce::allows(KeyType key) const {
  return contains(tenant_->certificate.keys, key) &&
         (signers() == nullptr || signers()->keys.empty() || contains(signers()->keys, key));
}

bool LimitsInForce::allows(Usage usage) const {
  return contains(tenant_->certificate.usages, usage) &&
         (signers() == nullptr || signers()->usages.empty() || contains(signers()->usages, usage));
}

std::vector<KeyType> LimitsInForce::keys() const {
  return in_both(tenant_->certificate.keys, signers() == nullptr ? nullptr : &signers()->keys);
}

std::vector<Usage> LimitsInForce::usages() const {
  return in_both(tenant_->certificate.usages, signers() == nullptr ? nullptr : &signers()->usages);
}

std::chrono::seconds LimitsInForce::min_duration() const {
  const std::chrono::seconds of_signer = signers() == nullptr ? std::chrono::seconds(0) : signers()->min_duration;
  return std::max({kMinDuration, tenant_->certificate.min_duration, of_signer});
}

std::chrono::seconds LimitsInForce::max_duration() const {
  const std::chrono::seconds of_tenant = tenant_->certificate.max_duration;
  return signers() == nullptr || signers()->max_duration.count() == 0 ? of_tenant
                                                                      : std::min(of_tenant, signers()->max_duration);
}

bool LimitsInForce::clamps() const {
  using OutOfBounds = CertificateLimits::OutOfBounds;
  return tenant_->certificate.out_of_bounds != OutOfBounds::kDeny &&
         (signers() == nullptr || signers()->out_of_bounds != OutOfBounds::kDeny);
}

std::string LimitsInForce::rule(std::string_view field, bool of_tenant, bool of_signer) const {
  std::string told;
  if (of_tenant) {
    told = "tenants[" + tenant_->name + "].certificate." + std::string(field);
  }
  if (of_signer) {
    told += (told.empty() ? "signers[" : ", signers[") + signer_->name + "].certificate." + std::string(field);
  }
  return told;
}

std::string LimitsInForce::keys_rule() const {
  return rule("keys", true, signers() != nullptr && !signers()->keys.empty());
}

std::string LimitsInForce::usages_rule() const {
  return rule("usages", true, signers() != nullptr && !signers()->usages.empty());
}

std::string LimitsInForce::min_duration_rule() const {
  const auto decides = [this](std::chrono::seconds duration) { return duration == min_duration(); };
  const bool of_tenant = decides(tenant_->certificate.min_duration);
  const bool of_signer = !of_tenant && signers() != nullptr && decides(signers()->min_duration);
  return rule("minDuration", of_tenant, of_signer);
}

std::string LimitsInForce::max_duration_rule() const {
  const bool of_tenant = tenant_->certificate.max_duration == max_duration();
  return rule("maxDuration", of_tenant, !of_tenant);
}

std::vector<Finding> check_usages(const SigningRequest& request, const Pkcs10Facts& facts,
                                  const LimitsInForce& limits) {
  // With more than there are, some are unknown or repeated anyway; comparing them all would be an attacker's work for
  // us.
  constexpr std::size_t kMaxUsages = 64;
  if (request.usages.size() > kMaxUsages) {
    return {{Reason::kUsageNotAllowed, "spec.usages has " + std::to_string(request.usages.size()) +
                                           " entries; at most " + std::to_string(kMaxUsages) + " are read"}};
  }
  std::vector<Finding> findings;
  std::vector<std::string> refused;
  std::vector<std::string> repeated;
  const auto check = [&](const std::string& name) {
    const std::optional<Usage> usage = usage_named(name);
    if (!(usage && limits.allows(*usage)) && !contains(refused, in_quotes(name))) {
      refused.push_back(in_quotes(name));
    }
  };
  for (auto usage = request.usages.begin(); usage != request.usages.end(); ++usage) {
    check(*usage);
    if (std::find(request.usages.begin(), usage, *usage) != usage) {
      repeated.push_back(in_quotes(*usage));
    }
  }
  std::ranges::for_each(facts.usages, check);
  if (!refused.empty()) {
    findings.push_back({Reason::kUsageNotAllowed,
                        "asked for usage " + joined(refused) + "; allowed are " +
                            joined(limits.usages(), [](Usage usage) { return in_quotes(to_string(usage)); }) + " (" +
                            limits.usages_rule() + ")"});
  }
  if (!repeated.empty()) {
    findings.push_back({Reason::kUsageNotAllowed, "spec.usages repeats " + joined(repeated)});
  }
  if (request.usages.empty()) {
    findings.push_back({Reason::kUsageNotAllowed, "spec.usages is empty; a certificate needs a usage"});
  }
  return findings;
}

CheckedLifetime check_lifetime(const SigningRequest& request, const LimitsInForce& limits, Signing signing) {
  const std::chrono::seconds least = limits.min_duration();
  const std::chrono::seconds most = limits.max_duration();
  const std::string allowed = "; allowed are " + seconds_text(least) + " to " + seconds_text(most) + " (";
  CheckedLifetime checked;
  const auto hold_to_bounds = [&](std::chrono::seconds asked, const std::string& text) {
    if (asked > most) {
      checked.findings.push_back(
          {Reason::kDurationTooLong, text + allowed + to_string(most) + ", " + limits.max_duration_rule() + ")"});
    } else if (asked < least) {
      const std::string rule = limits.min_duration_rule();
      checked.findings.push_back(
          {Reason::kDurationTooShort,
           text + allowed + to_string(least) + ", " + (rule.empty() ? "the least that Kubernetes takes" : rule) + ")"});
    }
  };
  const bool of_certmanager = request.kind == SigningRequest::Kind::kCertificateRequest;
  const std::string field = of_certmanager ? "spec.duration" : "spec.expirationSeconds";
  const bool foreign = signing == Signing::kForeign;
  checked.granted = foreign ? kForeignDefaultDuration : most;
  if (request.expiration_seconds) {
    checked.granted = std::chrono::seconds(*request.expiration_seconds);
    hold_to_bounds(checked.granted, field + " asks for " + seconds_text(checked.granted));
  } else if (!request.annotated_duration) {
    hold_to_bounds(checked.granted, field + " is absent, for which the signer gives " + seconds_text(checked.granted));
  }
  if (request.annotated_duration) {
    const std::optional<std::chrono::seconds> annotated = parse_duration(*request.annotated_duration);
    const std::string text =
        "annotation experimental.cert-manager.io/request-duration asks for " + in_quotes(*request.annotated_duration);
    if (!annotated) {
      checked.findings.push_back(
          {Reason::kDurationTooLong, text + allowed + to_string(most) + ", " + limits.max_duration_rule() + ")"});
      checked.granted = std::chrono::seconds(0);
    } else {
      hold_to_bounds(*annotated, text);
      checked.granted = foreign ? *annotated : std::min(checked.granted, *annotated);
    }
  }
  std::ranges::stable_sort(checked.findings, {}, &Finding::reason);
  return checked;
}

}  // namespace signet
