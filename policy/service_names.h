#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "policy/policy_model.h"
#include "policy/tenancy.h"

namespace signet {

/// Whether a service asks, not a workload: for DNS names and IP addresses alone.
[[nodiscard]] bool names_a_service(const Pkcs10Facts& facts);

/// Whose DNS names and IP addresses are whose.
class ServiceNames {
 public:
  explicit ServiceNames(const std::vector<PolicyModel::Tenant>& tenants);

  struct Owner {
    std::size_t tenant;
    /// Its index among the tenant's services: who may ask. Nothing: whoever may ask for the tenant.
    std::optional<std::size_t> service;
  };
  /// The owner of a DNS name or IP address: whoever has it as it is written, else whoever has a star in place of its
  /// first label, which may be a star too.
  [[nodiscard]] std::optional<Owner> owner_of(const SubjectAltName& name) const;

 private:
  void add(std::string_view dns_name, const Owner& owner);

  ByName<Owner> dns_names_;
  ByName<Owner> dns_parents_;  ///< of wildcards: what is behind "*."
  ByName<Owner> ip_addresses_;
};

}  // namespace signet
