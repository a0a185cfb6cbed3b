#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "policy/policy_model.h"
#include "policy/tenancy.h"

namespace signet {

/// Whether `name` is what the pattern `written` stands for: itself, or with "*." one label, or the star, in its place.
[[nodiscard]] bool matches_dns_pattern(std::string_view written, std::string_view name);

/// Whose DNS names and IP addresses are whose.
class ServiceNames {
 public:
  explicit ServiceNames(const std::vector<PolicyModel::Tenant>& tenants);

  struct Owner {
    std::size_t tenant;
    /// Its index among the tenant's services: who may ask. Nothing: whoever may ask for the tenant.
    std::optional<std::size_t> service;
  };
  /// The owner of a DNS name or IP address: of what is written for it, the most exact.
  [[nodiscard]] std::optional<Owner> owner_of(const SubjectAltName& name) const;

 private:
  void add(std::string_view dns_name, const Owner& owner);

  ByName<Owner> dns_names_;
  ByName<Owner> dns_parents_;  ///< of wildcards: what is behind "*."
  ByName<Owner> ip_addresses_;
};

}  // namespace signet
