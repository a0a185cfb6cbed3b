#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "policy/certificate_limits.h"
#include "policy/decision.h"
#include "policy/namespace_labels.h"
#include "policy/policy_model.h"
#include "policy/service_names.h"
#include "policy/signing_request.h"
#include "policy/tenancy.h"

namespace signet {

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
  const PolicyModel::Signer* signer = nullptr;  ///< what is said of the signer that was asked for; null: nothing
  const std::string* requester = nullptr;       ///< the listed user or group that the request was made as; null: none
};

struct RequestSubject;

/// Rules, ready to be asked. Immutable and safe to share between threads.
class Policy {
 public:
  /// `model` must have passed the loader's checks (policy_loader.h). `digest` names the policy in every record.
  Policy(PolicyModel model, std::string digest);

  /// Judges one request: the same answer for the same arguments, always. Whoever wants to explain the answer passes a
  /// new `trace`, which has no influence on it.
  [[nodiscard]] Decision evaluate(const SigningRequest& request, const NamespaceLabels& namespaces,
                                  EvaluationTrace* trace = nullptr) const;

  /// The signer's name without our domain, or nothing if `signer_name` is not in our domain.
  [[nodiscard]] std::optional<std::string_view> signer_in_domain(std::string_view signer_name) const;
  /// Whether a decision about `signer_name` is ours to take: in our domain, and, with `otherSigners: pass`, one that a
  /// tenant has or the routed signer.
  [[nodiscard]] bool governs(std::string_view signer_name) const;
  /// The whole signerName of a signer.
  [[nodiscard]] std::string signer_name(std::string_view signer) const;

  /// What a mutation of a request at CREATE should set.
  struct Adjustment {
    std::optional<std::string> signer_name;  ///< the routed signer replaced by the first that the workload may use
    std::optional<std::int64_t>
        expiration_seconds;  ///< absent: the maximum; out of bounds: the nearest in them; where these are enforced
  };
  /// Never an answer to whether the request is allowed; nothing for one whose tenant cannot be told.
  [[nodiscard]] Adjustment adjust(const SigningRequest& request, const NamespaceLabels& namespaces) const;

  /// Whether `username` may write certificates and Failed conditions for our signers. `self` is who we are at the API
  /// server (empty when unknown): the issuer unless the policy names others.
  [[nodiscard]] bool may_issue(std::string_view username, std::string_view self) const;
  /// Whether the policy leaves the signing to somebody else.
  [[nodiscard]] bool issuers_are_foreign() const { return !model_.issuers.empty(); }

  /// The tenant that namespace `ns` belongs to; null where it is nobody's, or where it cannot be told whose it is.
  [[nodiscard]] const PolicyModel::Tenant* tenant_of_namespace(std::string_view ns,
                                                               const NamespaceLabels& namespaces) const;
  [[nodiscard]] const Tenancy& tenancy() const { return tenancy_; }
  [[nodiscard]] const ServiceNames& service_names() const { return service_names_; }

  /// What a finding of this reason leads to: the strictest of what `tenant` says, whose request or namespace it is
  /// (null: nobody's), and what the tenants say whose signer `signer` is (without the domain; empty: none is asked
  /// for). So no tenant's mode opens another's signer.
  [[nodiscard]] Mode mode_of(Reason reason, const PolicyModel::Tenant* tenant, std::string_view signer) const;

  /// The tenant whose `signer` is, which is without the domain; null where it is nobody's, or more than one's.
  [[nodiscard]] const PolicyModel::Tenant* tenant_of_signer(std::string_view signer) const;
  /// Null where there is none.
  [[nodiscard]] const PolicyModel::Tenant* tenant_named(std::string_view name) const;

  /// Every signer that a tenant has, sorted, each once, without the domain.
  [[nodiscard]] const std::vector<std::string>& signers() const { return signers_; }
  [[nodiscard]] bool has_signer(std::string_view signer) const;
  /// What spec.signers says of `signer`, or null.
  [[nodiscard]] const PolicyModel::Signer* described_signer(std::string_view signer) const;
  /// The Secret with the CA of `signer`: what spec.signers says, else "<signer>-ca".
  [[nodiscard]] std::string secret_name(std::string_view signer) const;

  [[nodiscard]] const PolicyModel& model() const { return model_; }
  [[nodiscard]] const std::string& digest() const { return digest_; }

 private:
  [[nodiscard]] Signing signing_of(const SigningRequest& request) const;
  void check_signer(std::string_view signer, const RequestSubject& subject, EvaluationTrace& told,
                    Decision& decision) const;
  std::chrono::seconds check_limits(const SigningRequest& request, std::string_view signer,
                                    const PolicyModel::Tenant* tenant, EvaluationTrace& told, Decision& decision) const;
  /// Gives each finding its mode, and the decision its verdict.
  void decide(std::string_view signer, const EvaluationTrace& told, bool can_be_let_pass, Decision& decision) const;

  PolicyModel model_;
  std::string digest_;
  std::vector<std::string> signers_;
  ByName<std::size_t> described_signers_;                                         ///< index into model_.signers
  std::unordered_set<std::string, NameHash, std::equal_to<>> suspended_signers_;  ///< of a tenant that is suspended
  ByName<std::optional<std::size_t>> tenant_by_signer_;                           ///< index into model_.tenants
  ByName<std::array<Mode, kReasons.size()>> modes_by_signer_;  ///< of each reason the strictest that its tenants have
  Tenancy tenancy_;
  ServiceNames service_names_;
};

}  // namespace signet
