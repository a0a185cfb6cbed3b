#include "policy/tenant_reader.h"

#include <algorithm>
#include <set>
#include <utility>

#include "policy/ip_address.h"
#include "policy/kubernetes_names.h"
#include "policy/limits_reader.h"
#include "policy/policy_language.h"
#include "policy/quoting.h"

namespace signet {
namespace {

// Kubernetes bounds a signerName by its domain and path; the path is RFC 1123 labels joined by dots.
constexpr std::size_t kMaxSignerBytes = 253;

// The star counts as the letter that stands for it at least.
bool is_dns_pattern(std::string_view name) {
  return is_dns_subdomain(name.starts_with("*.") ? "x" + std::string(name.substr(1)) : std::string(name));
}

bool is_namespace_pattern(std::string_view name) { return NamePattern::parse(name).has_value(); }

}  // namespace

bool is_signer(std::string_view name) { return name.size() <= kMaxSignerBytes && is_dns_subdomain(name); }

bool is_word(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c > ' ' && c <= '~'; });
}

std::vector<std::string> read_requesters(PolicyFields& fields, const PolicyField& at) {
  return fields.names(at, is_word, "a user name such as system:serviceaccount:<namespace>:<name>, or self");
}

std::vector<std::string> read_groups(PolicyFields& fields, const PolicyField& at) {
  return fields.names(
      at, [](std::string_view name) { return is_word(name) && name != kSelfRequester; },
      "a group such as system:serviceaccounts:<namespace>");
}

PolicyModel::Tenant TenantReader::read(const PolicyField& at) {
  PolicyModel::Tenant tenant;
  tenant.name = fields_.name(at.field("name"), is_dns_subdomain, "a name of a-z, 0-9, '-' and '.'");
  if (!tenant.name.empty()) {
    claims_.claim_tenant(at.field("name"), tenant.name);
  }
  read_namespaces(at, tenant);
  tenant.signers = read_signers(at.field("signers"));
  read_service_accounts(at.field("serviceAccounts"), tenant);
  fields_.each_name(at.field("dnsNames"), is_dns_subdomain, "a DNS name in lower case", {},
                    [&](const PolicyField& item, std::string name) {
                      claims_.claim_dns_name(item, name, tenant.name);
                      tenant.dns_names.push_back(std::move(name));
                    });
  read_services(at.field("services"), tenant);
  tenant.requesters = read_requesters(fields_, at.field("requesters"));
  tenant.requester_groups = read_groups(fields_, at.field("requesterGroups"));
  tenant.certificate = base_;
  if (const PolicyField certificate = at.field("certificate"); certificate.node != nullptr) {
    read_limits(fields_, certificate, tenant.certificate);
  }
  check_limits_complete(at, tenant.certificate);
  tenant.quota = read_quota(fields_, at.field("quota"));
  tenant.suspended = fields_.flag(at.field("suspended"));
  tenant.modes = read_modes(fields_, at.field("modes"));
  return tenant;
}

std::vector<std::string> TenantReader::read_signers(const PolicyField& at) {
  std::vector<std::string> signers = fields_.names(at, is_signer, kSignerRule);
  signers_.insert(signers.begin(), signers.end());
  return signers;
}

void TenantReader::read_namespaces(const PolicyField& at, PolicyModel::Tenant& tenant) {
  const PolicyField names = at.field("namespaces");
  const PolicyField selector = at.field("namespaceSelector");
  if (names.node == nullptr && selector.node == nullptr) {
    fields_.problem(PolicyRule::kMissingKey, at, "one of the keys \"namespaces\" and \"namespaceSelector\" is missing");
  }
  fields_.each_name(names, is_namespace_pattern, std::string(kNamespaceRule) + ", or its beginning or end and a star",
                    {}, [&](const PolicyField& item, const std::string& name) {
                      tenant.namespaces.push_back(*NamePattern::parse(name));
                      claims_.claim_namespace(item, tenant.namespaces.back(), tenant.name);
                    });
  if (selector.node != nullptr) {
    tenant.namespace_selector = read_selector(selector);
    if (tenant.namespace_selector) {
      claims_.claim_selector(selector, *tenant.namespace_selector, tenant.name);
    }
  }
}

std::optional<LabelSelector> TenantReader::read_selector(const PolicyField& at) {
  if (!fields_.expect_map(at, kSelectorKeys)) {
    return std::nullopt;
  }
  LabelSelector selector;
  const PolicyField match_labels = at.field("matchLabels");
  if (match_labels.node != nullptr && match_labels.node->kind == YamlNode::Kind::kMap &&
      match_labels.node->entries.empty()) {
    fields_.problem(PolicyRule::kInvalidValue, match_labels, "must not be empty");
  }
  for (auto& [key, value] : fields_.labels(match_labels)) {
    selector.requirements.push_back(
        {.key = std::move(key), .op = LabelSelector::Operator::kIn, .values = {std::move(value)}});
  }
  fields_.each_item(at.field("matchExpressions"), [&](const PolicyField& item) {
    if (auto requirement = read_expression(item)) {
      selector.requirements.push_back(*std::move(requirement));
    }
  });
  if (at.node->entries.empty()) {
    fields_.problem(PolicyRule::kInvalidValue, at,
                    "selects every namespace; name a label (matchLabels, matchExpressions)");
  }
  return selector.requirements.empty() ? std::nullopt : std::optional(std::move(selector));
}

std::optional<LabelSelector::Requirement> TenantReader::read_expression(const PolicyField& at) {
  using Operator = LabelSelector::Operator;
  if (!fields_.expect_map(at, kExpressionKeys)) {
    return std::nullopt;
  }
  LabelSelector::Requirement requirement;
  requirement.key = fields_.name(at.field("key"), is_label_key, "a label's key");
  const std::string op = fields_.choice(at.field("operator"), kOperatorChoices);
  const PolicyField values = at.field("values");
  requirement.values = fields_.names(values, is_label_value, "a label's value");
  if (op == "In" || op == "NotIn") {
    requirement.op = op == "In" ? Operator::kIn : Operator::kNotIn;
    if (values.node == nullptr) {
      fields_.problem(PolicyRule::kMissingKey, at, "key \"values\" is missing, which operator " + op + " needs");
    }
  } else if (!op.empty()) {
    requirement.op = op == "Exists" ? Operator::kExists : Operator::kDoesNotExist;
    if (values.node != nullptr) {
      fields_.problem(PolicyRule::kInvalidValue, values, "has no meaning with operator " + op);
    }
  }
  return requirement.key.empty() || op.empty() ? std::nullopt : std::optional(std::move(requirement));
}

void TenantReader::read_service_accounts(const PolicyField& at, PolicyModel::Tenant& tenant) {
  std::set<std::pair<std::string, std::string>> seen;
  fields_.each_item(at, [&](const PolicyField& item) {
    if (!fields_.expect_map(item, kServiceAccountKeys)) {
      return;
    }
    PolicyModel::ServiceAccount account;
    account.name = fields_.name(item.field("name"), is_dns_subdomain, "a service account's name");
    account.ns = fields_.name(item.field("namespace"), is_dns_label, kNamespaceRule);
    account.signers = read_signers(item.field("signers"));
    if (account.name.empty() || account.signers.empty()) {
      return;
    }
    if (!seen.emplace(account.ns, account.name).second) {
      fields_.problem(PolicyRule::kRepeatedValue, item,
                      "service account " + in_quotes(account.name) + " has an entry already");
    }
    const bool by_name = account.ns.empty() || std::ranges::any_of(tenant.namespaces, [&](const NamePattern& pattern) {
                           return pattern.matches(account.ns);
                         });
    if (!by_name && !tenant.namespace_selector) {
      fields_.problem(PolicyRule::kInvalidValue, item.field("namespace"),
                      in_quotes(account.ns) + " is not one of the tenant's namespaces");
    }
    tenant.service_accounts.push_back(std::move(account));
  });
}

void TenantReader::read_services(const PolicyField& at, PolicyModel::Tenant& tenant) {
  fields_.each_item(at, [&](const PolicyField& item) {
    if (!fields_.expect_map(item, kServiceKeys)) {
      return;
    }
    const PolicyField names = item.field("dnsNames");
    const PolicyField addresses = item.field("ipAddresses");
    if (names.node == nullptr && addresses.node == nullptr) {
      fields_.problem(PolicyRule::kMissingKey, item, "one of the keys \"dnsNames\" and \"ipAddresses\" is missing");
    }
    if (item.node->find("requesters") == nullptr && item.node->find("requesterGroups") == nullptr) {
      fields_.problem(PolicyRule::kMissingKey, item,
                      "one of the keys \"requesters\" and \"requesterGroups\" is missing");
    }
    PolicyModel::Service service;
    service.requesters = fields_.names(
        item.field("requesters"), [](std::string_view name) { return is_word(name) && name != kSelfRequester; },
        "a user name (self is for SPIFFE identities alone)");
    service.requester_groups = read_groups(fields_, item.field("requesterGroups"));
    fields_.each_name(names, is_dns_pattern, "a DNS name in lower case; its first label may be a star", {},
                      [&](const PolicyField& place, std::string name) {
                        claims_.claim_dns_name(place, name, tenant.name);
                        service.dns_names.push_back(std::move(name));
                      });
    const auto is_address = [](std::string_view text) {
      return canonical_ip_address(text) == text && !text.starts_with("::ffff:");
    };
    fields_.each_name(addresses, is_address, "an IP address as RFC 5952 writes it, such as 10.0.0.1 or 2001:db8::1", {},
                      [&](const PolicyField& place, std::string address) {
                        claims_.claim_ip_address(place, address, tenant.name);
                        service.ip_addresses.push_back(std::move(address));
                      });
    tenant.services.push_back(std::move(service));
  });
}

void TenantReader::check_limits_complete(const PolicyField& at, const CertificateLimits& limits) {
  const auto stated_at = [](const YamlNode* certificate, std::string_view what) {
    return certificate != nullptr && certificate->find(what) != nullptr;
  };
  const auto expect = [&](bool missing, std::string_view what) {
    // What is wrong with one that is stated has been said.
    if (missing && !stated_at(at.field("certificate").node, what) && !stated_at(base_certificate_, what)) {
      fields_.problem(PolicyRule::kLimitMissing, at,
                      "has no certificate." + std::string(what) + " and inherits none from spec.certificate");
    }
  };
  expect(limits.keys.empty(), "keys");
  expect(limits.usages.empty(), "usages");
  expect(limits.max_duration.count() == 0, "maxDuration");
}

}  // namespace signet
