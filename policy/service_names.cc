#include "policy/service_names.h"

#include <algorithm>

#include "policy/kubernetes_names.h"

namespace signet {
namespace {

constexpr std::string_view kWildcard = "*.";

// What is behind the first label, where that is one or a star.
std::optional<std::string_view> parent_of(std::string_view name) {
  const std::size_t dot = name.find('.');
  if (dot == std::string_view::npos || !(name.substr(0, dot) == "*" || is_dns_label(name.substr(0, dot)))) {
    return std::nullopt;
  }
  return name.substr(dot + 1);
}

}  // namespace

bool names_a_service(const Pkcs10Facts& facts) {
  return !facts.names.empty() && std::ranges::all_of(facts.names, [](const SubjectAltName& name) {
    return name.type == SubjectAltName::Type::kDns || name.type == SubjectAltName::Type::kIp;
  });
}

ServiceNames::ServiceNames(const std::vector<PolicyModel::Tenant>& tenants) {
  for (std::size_t i = 0; i < tenants.size(); ++i) {
    for (const std::string& name : tenants[i].dns_names) {
      add(name, {.tenant = i, .service = std::nullopt});
    }
    for (std::size_t k = 0; k < tenants[i].services.size(); ++k) {
      for (const std::string& name : tenants[i].services[k].dns_names) {
        add(name, {.tenant = i, .service = k});
      }
      for (const std::string& address : tenants[i].services[k].ip_addresses) {
        ip_addresses_.emplace(address, Owner{.tenant = i, .service = k});
      }
    }
  }
}

void ServiceNames::add(std::string_view dns_name, const Owner& owner) {
  if (dns_name.starts_with(kWildcard)) {
    dns_parents_.emplace(dns_name.substr(kWildcard.size()), owner);
  } else {
    dns_names_.emplace(dns_name, owner);
  }
}

std::optional<ServiceNames::Owner> ServiceNames::owner_of(const SubjectAltName& name) const {
  const auto look_up = [](const ByName<Owner>& owners, std::string_view text) -> std::optional<Owner> {
    const auto found = owners.find(text);
    return found == owners.end() ? std::nullopt : std::optional(found->second);
  };
  if (name.type == SubjectAltName::Type::kIp) {
    return look_up(ip_addresses_, name.value);
  }
  if (name.type != SubjectAltName::Type::kDns) {
    return std::nullopt;
  }
  if (const auto exact = look_up(dns_names_, name.value)) {
    return exact;
  }
  const auto parent = parent_of(name.value);
  return parent ? look_up(dns_parents_, *parent) : std::nullopt;
}

}  // namespace signet
