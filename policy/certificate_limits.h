#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "policy/policy_model.h"

namespace signet {

/// The lifetime that cert-manager gives a certificate for which nobody asked one.
inline constexpr std::chrono::seconds kForeignDefaultDuration = std::chrono::hours(90 * 24);

/// The shortest lifetime that the Kubernetes API lets anybody ask for (spec.expirationSeconds >= 600).
inline constexpr std::chrono::seconds kMinDuration = std::chrono::minutes(10);

/// What a certificate of a tenant by a signer may be: both must allow it. Points into the policy.
class LimitsInForce {
 public:
  /// `signer`: null where nothing is said of it.
  LimitsInForce(const PolicyModel::Tenant& tenant, const PolicyModel::Signer* signer)
      : tenant_(&tenant), signer_(signer) {}

  [[nodiscard]] bool allows(KeyType key) const;
  [[nodiscard]] bool allows(Usage usage) const;
  [[nodiscard]] std::vector<KeyType> keys() const;
  [[nodiscard]] std::vector<Usage> usages() const;
  /// Never less than kMinDuration.
  [[nodiscard]] std::chrono::seconds min_duration() const;
  [[nodiscard]] std::chrono::seconds max_duration() const;
  /// Whether a lifetime out of bounds is set to the nearest that is allowed as the request is created.
  [[nodiscard]] bool clamps() const;

  // The fields that say so: "tenants[foo].certificate.keys", with the signer's where that says something too; of the
  // shortest lifetime none where it is Kubernetes' own.
  [[nodiscard]] std::string keys_rule() const;
  [[nodiscard]] std::string usages_rule() const;
  [[nodiscard]] std::string min_duration_rule() const;
  [[nodiscard]] std::string max_duration_rule() const;

 private:
  [[nodiscard]] const CertificateLimits* signers() const {
    return signer_ == nullptr ? nullptr : &signer_->certificate;
  }
  [[nodiscard]] std::string rule(std::string_view field, bool of_tenant, bool of_signer) const;

  const PolicyModel::Tenant* tenant_;
  const PolicyModel::Signer* signer_;
};

/// Which usages were asked for that may not be, or in a way that they may not.
[[nodiscard]] std::vector<Finding> check_usages(const SigningRequest& request, const Pkcs10Facts& facts,
                                                const LimitsInForce& limits);

/// Whether a foreign signer gives what is asked for, or we do.
enum class Signing { kOurs, kForeign };

/// The lifetime to grant, and what was asked beyond the bounds. Where several places ask, each is held to them; we
/// grant the shortest, and expect of a foreign signer what cert-manager does: the annotation wins. Zero where what was
/// asked is no lifetime.
struct CheckedLifetime {
  std::chrono::seconds granted{0};
  std::vector<Finding> findings;
};
[[nodiscard]] CheckedLifetime check_lifetime(const SigningRequest& request, const LimitsInForce& limits,
                                             Signing signing);

}  // namespace signet
