#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "policy/label_selector.h"
#include "policy/name_pattern.h"
#include "policy/policy_fields.h"

namespace signet {

/// What tenants say is theirs, and nobody else's: namespaces, what selects them, DNS names, IP addresses and their own
/// names. Keeps the places of it, so the tree that they are in must live as long.
class TenantClaims {
 public:
  void claim_tenant(const PolicyField& at, const std::string& name);
  void claim_namespace(const PolicyField& at, const NamePattern& pattern, const std::string& tenant);
  void claim_selector(const PolicyField& at, const LabelSelector& selector, const std::string& tenant);
  /// Exact, or "*." and a name.
  void claim_dns_name(const PolicyField& at, const std::string& name, const std::string& tenant);
  void claim_ip_address(const PolicyField& at, const std::string& address, const std::string& tenant);

  /// Tells what two tenants claim, and what one tenant claims twice where only one of the two can count.
  void tell_overlaps(PolicyFields& fields) const;

 private:
  struct Claim {
    std::string what;  ///< without a star
    std::string tenant;
    const YamlNode* node;
    std::string path;

    [[nodiscard]] PolicyField place() const { return {node, path}; }
  };
  using Claims = std::vector<Claim>;
  using FirstClaims = std::unordered_map<std::string_view, const Claim*>;

  static FirstClaims tell_repeated(const Claims& claims, bool also_in_tenant, std::string_view written_before,
                                   std::string_view written_after, PolicyFields& fields);
  void tell_covered_namespaces(PolicyFields& fields) const;

  Claims tenants_;
  Claims exact_namespaces_;
  Claims namespace_prefixes_;
  Claims namespace_suffixes_;
  Claims selectors_;  ///< as written
  Claims dns_names_;
  Claims dns_parents_;
  Claims ip_addresses_;
};

}  // namespace signet
