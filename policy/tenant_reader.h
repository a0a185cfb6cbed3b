#pragma once

#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "policy/policy_fields.h"
#include "policy/policy_model.h"
#include "policy/tenant_claims.h"

namespace signet {

// What names in a policy can be, and how that is told.
inline constexpr std::string_view kNamespaceRule = "a namespace's name (RFC 1123 label: 1 to 63 of a-z, 0-9 and '-')";
inline constexpr std::string_view kSignerRule = "a signer's name without its domain (a-z, 0-9, '-' and '.')";
[[nodiscard]] bool is_signer(std::string_view name);
/// A user's name, a group's, or the value of a variable: one word of printable ASCII.
[[nodiscard]] bool is_word(std::string_view text);

/// A list of user names, and `self` where it may stand.
[[nodiscard]] std::vector<std::string> read_requesters(PolicyFields& fields, const PolicyField& at);
/// A list of groups.
[[nodiscard]] std::vector<std::string> read_groups(PolicyFields& fields, const PolicyField& at);

/// Reads tenants one by one, and then tells what they may not be together. The tree must live as long.
class TenantReader {
 public:
  /// `base`: the limits that tenants inherit, and `base_certificate` the place that states them, or null.
  TenantReader(PolicyFields& fields, const CertificateLimits& base, const YamlNode* base_certificate)
      : fields_(fields), base_(base), base_certificate_(base_certificate) {}

  [[nodiscard]] PolicyModel::Tenant read(const PolicyField& at);

  /// To be called once, after the last.
  void tell_overlaps() { claims_.tell_overlaps(fields_); }

  /// Whether a tenant that was read may use the signer.
  [[nodiscard]] bool has_signer(const std::string& signer) const { return signers_.contains(signer); }

 private:
  void read_namespaces(const PolicyField& at, PolicyModel::Tenant& tenant);
  [[nodiscard]] std::optional<LabelSelector> read_selector(const PolicyField& at);
  [[nodiscard]] std::optional<LabelSelector::Requirement> read_expression(const PolicyField& at);
  void read_service_accounts(const PolicyField& at, PolicyModel::Tenant& tenant);
  void read_services(const PolicyField& at, PolicyModel::Tenant& tenant);
  void check_limits_complete(const PolicyField& at, const CertificateLimits& limits);
  [[nodiscard]] std::vector<std::string> read_signers(const PolicyField& at);

  PolicyFields& fields_;
  const CertificateLimits& base_;
  const YamlNode* base_certificate_;
  TenantClaims claims_;
  std::unordered_set<std::string> signers_;
};

}  // namespace signet
