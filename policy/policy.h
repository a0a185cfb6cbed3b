#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "policy/decision.h"
#include "policy/issuance_quota.h"
#include "policy/signing_request.h"
#include "policy/spiffe_id.h"

namespace signet {

/// The lifetime that cert-manager gives a certificate for which nobody asked one.
inline constexpr std::chrono::seconds kForeignDefaultDuration = std::chrono::hours(90 * 24);

/// The shortest lifetime that the Kubernetes API lets anybody ask for (spec.expirationSeconds >= 600).
inline constexpr std::chrono::seconds kMinDuration = std::chrono::minutes(10);

/// What a certificate may be.
struct CertificateLimits {
  std::vector<KeyType> keys;
  std::vector<Usage> usages;
  std::chrono::seconds max_duration{0};
};

/// The policy file as data, checked and with defaults filled in. Each tenant's `certificate` is complete.
struct PolicyModel {
  struct Tenant {
    std::string name;
    std::vector<std::string> namespaces;
    std::vector<std::string> signers;  ///< without the domain; the first is the tenant's default
    std::vector<std::string> dns_names;
    std::vector<std::string> requesters;  ///< beside those for all
    CertificateLimits certificate;
    std::optional<IssuanceQuota> quota;  ///< absent: as many as are asked for
  };
  struct Signer {
    std::string name;
    std::string secret_name;
  };
  enum class OtherSigners { kDeny, kPass };
  enum class CertificateRequests { kDeny, kEvaluate };

  std::string name;
  std::vector<std::string> trust_domains;
  std::string signer_domain;
  std::string default_signer;  ///< empty: none
  std::string root_namespace;
  std::string routed_signer;  ///< empty: none
  OtherSigners other_signers = OtherSigners::kDeny;
  /// cert-manager's own requests for signers that tenants have: refused, or judged like any other.
  CertificateRequests certificate_requests = CertificateRequests::kDeny;
  std::vector<std::string> requesters;
  std::vector<std::string> issuers;  ///< user names that sign in our place; empty: we sign
  std::vector<Signer> signers;       ///< those with something said of them beyond their name
  CertificateLimits certificate;
  std::vector<Tenant> tenants;
};

/// A set of checks, each named by the reason that it fails with.
class CheckSet {
 public:
  void add(Reason check) { bits_ |= bit(check); }
  [[nodiscard]] bool contains(Reason check) const { return (bits_ & bit(check)) != 0; }

 private:
  static std::uint32_t bit(Reason check) { return 1U << static_cast<unsigned>(check); }

  std::uint32_t bits_ = 0;
};

/// How an evaluation came to its decision. It owns nothing, and points into the policy that was asked.
struct EvaluationTrace {
  /// The checks that were made; each passed unless the decision has a finding with its reason. The others were not
  /// reached, or do not apply to such a request.
  CheckSet made;
  const PolicyModel::Tenant* tenant = nullptr;  ///< whose limits the request was held to; null: nobody's
  const std::string* requester = nullptr;       ///< the listed requester that the request was made as; null: none
};

/// Rules, ready to be asked. Immutable and safe to share between threads.
class Policy {
 public:
  /// `model` must have passed the loader's checks (policy_loader.h). `digest` names the policy in every record.
  Policy(PolicyModel model, std::string digest);

  /// Judges one request: the same answer for the same arguments, always. Whoever wants to explain the answer passes a
  /// new `trace`, which has no influence on it.
  [[nodiscard]] Decision evaluate(const SigningRequest& request, EvaluationTrace* trace = nullptr) const;

  /// The signer's name without our domain, or nothing if `signer_name` is not in our domain.
  [[nodiscard]] std::optional<std::string_view> signer_in_domain(std::string_view signer_name) const;
  /// Whether a decision about `signer_name` is ours to take: in our domain, and, with `otherSigners: pass`, one that a
  /// tenant has or the routed signer.
  [[nodiscard]] bool governs(std::string_view signer_name) const;
  /// The whole signerName of a signer.
  [[nodiscard]] std::string signer_name(std::string_view signer) const;

  /// What a mutation of a request at CREATE should set.
  struct Adjustment {
    std::optional<std::string> signer_name;          ///< the routed signer replaced by the tenant's first
    std::optional<std::int64_t> expiration_seconds;  ///< absent or too long: the tenant's maximum
  };
  /// Never an answer to whether the request is allowed; nothing for one whose tenant cannot be told.
  [[nodiscard]] Adjustment adjust(const SigningRequest& request) const;

  /// Whether `username` may write certificates and Failed conditions for our signers. `self` is who we are at the API
  /// server (empty when unknown): the issuer unless the policy names others.
  [[nodiscard]] bool may_issue(std::string_view username, std::string_view self) const;
  /// Whether the policy leaves the signing to somebody else.
  [[nodiscard]] bool issuers_are_foreign() const { return !model_.issuers.empty(); }

  /// The tenant that namespace `ns` belongs to, or null.
  [[nodiscard]] const PolicyModel::Tenant* tenant_of_namespace(std::string_view ns) const;
  /// The first tenant that has `signer`, which is without the domain, or null.
  [[nodiscard]] const PolicyModel::Tenant* tenant_of_signer(std::string_view signer) const;

  /// Every signer that a tenant has, sorted, each once, without the domain.
  [[nodiscard]] const std::vector<std::string>& signers() const { return signers_; }
  /// The Secret with the CA of `signer`: what spec.signers says, else "<signer>-ca".
  [[nodiscard]] std::string secret_name(std::string_view signer) const;

  [[nodiscard]] const PolicyModel& model() const { return model_; }
  [[nodiscard]] const std::string& digest() const { return digest_; }

 private:
  struct StringHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };
  template <typename Value>
  using ByName = std::unordered_map<std::string, Value, StringHash, std::equal_to<>>;

  /// Whose request it is, as far as it can be told, and the identity or names that told it.
  struct Subject {
    const PolicyModel::Tenant* tenant = nullptr;
    std::optional<SpiffeId> id;
    std::vector<Finding> findings;
    CheckSet made;
  };
  [[nodiscard]] Subject subject_of(const Pkcs10Facts& facts, std::string_view signer) const;
  [[nodiscard]] const PolicyModel::Tenant* tenant_of_dns_name(std::string_view dns_name, std::string_view signer) const;
  /// The entry of a list of requesters that lets the requester ask, or null.
  [[nodiscard]] const std::string* listed_requester(const SigningRequest& request, const Subject& subject) const;

  PolicyModel model_;
  std::string digest_;
  std::vector<std::string> signers_;
  ByName<std::size_t> tenant_by_namespace_;
  ByName<std::size_t> tenant_by_dns_name_;
};

}  // namespace signet
