#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "policy/decision.h"
#include "policy/issuance_quota.h"
#include "policy/label_selector.h"
#include "policy/name_pattern.h"
#include "policy/signing_request.h"

namespace signet {

/// What a certificate may be.
struct CertificateLimits {
  /// What becomes of a lifetime out of bounds at CREATE: the nearest that is allowed, or a refusal.
  enum class OutOfBounds { kClamp, kDeny };

  std::vector<KeyType> keys = {};
  std::vector<Usage> usages = {};
  std::chrono::seconds min_duration{0};
  std::chrono::seconds max_duration{0};
  std::optional<OutOfBounds> out_of_bounds = {};
};

/// How much the checks of a policy count, by the reason that they fail with.
struct Modes {
  std::optional<Mode> all;  ///< those that are not named
  std::map<Reason, Mode> named;

  [[nodiscard]] std::optional<Mode> of(Reason reason) const {
    const auto found = named.find(reason);
    return found == named.end() ? all : std::optional(found->second);
  }
};

/// The policy file as data, checked and with defaults filled in.
struct PolicyModel {
  /// Service accounts that have signers of their own.
  struct ServiceAccount {
    std::string name;
    std::string ns;  ///< empty: in any of the tenant's namespaces
    std::vector<std::string> signers;
  };
  /// Names that only some requesters may ask for.
  struct Service {
    std::vector<std::string> requesters;
    std::vector<std::string> requester_groups;
    std::vector<std::string> dns_names;  ///< exact, or "*.": any one label, or the star itself, in its place
    std::vector<std::string> ip_addresses;
  };
  struct Tenant {
    std::string name;
    std::vector<NamePattern> namespaces;
    std::optional<LabelSelector> namespace_selector;  ///< beside them, and only where no tenant has the name
    std::vector<std::string> signers;                 ///< without the domain; the first is the tenant's default
    std::vector<ServiceAccount> service_accounts;
    std::vector<std::string> dns_names;
    std::vector<Service> services;
    std::vector<std::string> requesters;  ///< beside those for all
    std::vector<std::string> requester_groups;
    CertificateLimits certificate;  ///< complete
    std::optional<IssuanceQuota> quota;
    bool suspended = false;
    Modes modes;  ///< before those for all
  };
  enum class Approval {
    kExternal,   ///< somebody else's, such as istiod's
    kAutomatic,  ///< ours, of what the policy grants
  };
  /// A signer with something said of it beyond its name.
  struct Signer {
    std::string name = {};
    std::string secret_name = {};        ///< empty: "<signer>-ca"
    CertificateLimits certificate = {};  ///< beside the tenant's; what is empty or zero is not limited
    Approval approval = Approval::kExternal;
  };
  /// A variable of Istio's proxy that tenants may not set, but to one of the values.
  struct LockedVariable {
    std::string name;
    std::vector<std::string> values;
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
  std::vector<std::string> requester_groups;
  std::vector<std::string> namespace_admins;  ///< groups; empty: nobody guards the namespaces
  std::vector<std::string> issuers;           ///< user names that sign in our place; empty: we sign
  std::vector<LockedVariable> locked_variables;
  std::vector<Signer> signers;
  CertificateLimits certificate;
  Modes modes;
  std::vector<Tenant> tenants;
};

}  // namespace signet
