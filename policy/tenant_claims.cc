#include "policy/tenant_claims.h"

#include <algorithm>
#include <set>

#include "policy/quoting.h"

namespace signet {
namespace {

void tell_overlap(PolicyFields& fields, const PolicyField& at, const std::string& what, const std::string& owner,
                  const YamlNode& owners_place) {
  fields.problem(PolicyRule::kTenantsOverlap, at,
                 what + " belongs to tenant " + in_quotes(owner) + " already (line " +
                     std::to_string(owners_place.mark.line) + ")");
}

}  // namespace

void TenantClaims::claim_tenant(const PolicyField& at, const std::string& name) {
  tenants_.push_back({name, name, at.node, at.path});
}

void TenantClaims::claim_namespace(const PolicyField& at, const NamePattern& pattern, const std::string& tenant) {
  Claims& claims = pattern.kind() == NamePattern::Kind::kExact    ? exact_namespaces_
                   : pattern.kind() == NamePattern::Kind::kPrefix ? namespace_prefixes_
                                                                  : namespace_suffixes_;
  claims.push_back({pattern.text(), tenant, at.node, at.path});
}

void TenantClaims::claim_selector(const PolicyField& at, const LabelSelector& selector, const std::string& tenant) {
  selectors_.push_back({to_string(selector), tenant, at.node, at.path});
}

void TenantClaims::claim_dns_name(const PolicyField& at, const std::string& name, const std::string& tenant) {
  if (name.starts_with("*.")) {
    dns_parents_.push_back({name.substr(2), tenant, at.node, at.path});
  } else {
    dns_names_.push_back({name, tenant, at.node, at.path});
  }
}

void TenantClaims::claim_ip_address(const PolicyField& at, const std::string& address, const std::string& tenant) {
  ip_addresses_.push_back({address, tenant, at.node, at.path});
}

TenantClaims::FirstClaims TenantClaims::tell_repeated(const Claims& claims, bool also_in_tenant,
                                                      std::string_view written_before, std::string_view written_after,
                                                      PolicyFields& fields) {
  FirstClaims firsts;
  for (const Claim& claim : claims) {
    const auto [first, added] = firsts.emplace(claim.what, &claim);
    const bool in_tenant = !added && first->second->tenant == claim.tenant;
    if (!added && (!in_tenant || also_in_tenant)) {
      tell_overlap(fields, claim.place(),
                   in_quotes(std::string(written_before) + claim.what + std::string(written_after)),
                   first->second->tenant, *first->second->node);
    }
  }
  return firsts;
}

void TenantClaims::tell_covered_namespaces(PolicyFields& fields) const {
  // A repeat within one list has been told already.
  tell_repeated(exact_namespaces_, false, "", "", fields);
  const FirstClaims prefixes = tell_repeated(namespace_prefixes_, false, "", "*", fields);
  const FirstClaims suffixes = tell_repeated(namespace_suffixes_, false, "*", "", fields);
  const auto lengths_of = [](const Claims& claims) {
    std::set<std::size_t> lengths;
    for (const Claim& claim : claims) {
      lengths.insert(claim.what.size());
    }
    return lengths;
  };
  const std::set<std::size_t> prefix_lengths = lengths_of(namespace_prefixes_);
  const std::set<std::size_t> suffix_lengths = lengths_of(namespace_suffixes_);
  const auto tell_covered = [&](const Claim& claim, const std::string& written, const FirstClaims& covering,
                                const std::set<std::size_t>& lengths, const auto& affix_of, const auto& star) {
    for (const std::size_t length : lengths) {
      // What is as long is a repeat.
      if (length > claim.what.size() || (length == claim.what.size() && written != claim.what)) {
        break;
      }
      const auto found = covering.find(affix_of(std::string_view(claim.what), length));
      if (found != covering.end() && found->second->tenant != claim.tenant) {
        tell_overlap(fields, claim.place(), in_quotes(written) + ", by " + in_quotes(star(found->second->what)) + ",",
                     found->second->tenant, *found->second->node);
      }
    }
  };
  const auto prefix_of = [](std::string_view name, std::size_t length) { return name.substr(0, length); };
  const auto suffix_of = [](std::string_view name, std::size_t length) { return name.substr(name.size() - length); };
  const auto star_after = [](const std::string& text) { return text + "*"; };
  const auto star_before = [](const std::string& text) { return "*" + text; };
  for (const Claim& claim : exact_namespaces_) {
    tell_covered(claim, claim.what, prefixes, prefix_lengths, prefix_of, star_after);
    tell_covered(claim, claim.what, suffixes, suffix_lengths, suffix_of, star_before);
  }
  for (const Claim& claim : namespace_prefixes_) {
    tell_covered(claim, claim.what + "*", prefixes, prefix_lengths, prefix_of, star_after);
  }
  for (const Claim& claim : namespace_suffixes_) {
    tell_covered(claim, "*" + claim.what, suffixes, suffix_lengths, suffix_of, star_before);
  }
}

void TenantClaims::tell_overlaps(PolicyFields& fields) const {
  tell_repeated(tenants_, true, "", "", fields);
  tell_covered_namespaces(fields);
  tell_repeated(selectors_, true, "", "", fields);
  tell_repeated(dns_names_, true, "", "", fields);
  const FirstClaims parents = tell_repeated(dns_parents_, true, "*.", "", fields);
  tell_repeated(ip_addresses_, true, "", "", fields);
  for (const Claim& claim : dns_names_) {
    const std::size_t dot = claim.what.find('.');
    const auto parent = parents.find(std::string_view(claim.what).substr(dot == std::string::npos ? 0 : dot + 1));
    if (dot != std::string::npos && parent != parents.end() && parent->second->tenant != claim.tenant) {
      tell_overlap(fields, claim.place(),
                   in_quotes(claim.what) + ", by " + in_quotes("*." + parent->second->what) + ",",
                   parent->second->tenant, *parent->second->node);
    }
  }
}

}  // namespace signet
