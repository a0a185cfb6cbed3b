#include "test/unit/policy/random_policy.h"

#include <memory>

namespace signet {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using Type = SubjectAltName::Type;

const std::vector<KeyType> kSomeKeys(kKeyTypes.begin(), kKeyTypes.end());
const std::vector<Usage> kSomeUsages = {Usage::kDigitalSignature, Usage::kServerAuth, Usage::kClientAuth};

std::string tenant_name(std::size_t index) { return "t" + std::to_string(index); }

CertificateLimits random_limits(Random& random) {
  CertificateLimits limits;
  limits.keys = random.some_of(kSomeKeys);
  limits.usages = random.some_of(kSomeUsages);
  limits.max_duration = random.one_of<seconds>({hours(1), hours(12), hours(24)});
  limits.min_duration = random.one_of<seconds>({seconds(0), minutes(10), hours(1)});
  limits.out_of_bounds = random.one_of<std::optional<CertificateLimits::OutOfBounds>>(
      {std::nullopt, CertificateLimits::OutOfBounds::kClamp, CertificateLimits::OutOfBounds::kDeny});
  return limits;
}

CertificateLimits random_limits_of_signer(Random& random) {
  CertificateLimits limits = random_limits(random);
  if (random.one_in(2)) {
    limits.keys.clear();
  }
  if (random.one_in(2)) {
    limits.usages.clear();
  }
  if (random.one_in(2)) {
    limits.max_duration = seconds(0);
  }
  return limits;
}

std::string random_namespace(Random& random) {
  const std::string name = tenant_name(random.below(kTenants + 1));
  const std::string other = tenant_name(random.below(kTenants + 1));
  return random.one_of<std::string>(
      {name, name, name + "-a", "a-" + name, name + "-" + other, "labelled-1", "labelled-2", "nobodys"});
}

std::string random_signer(Random& random) {
  const std::string name = tenant_name(random.below(kTenants + 1));
  return random.one_of<std::string>({name, name, name + "-old", name + "-batch", "shared", "routed", "nobodys"});
}

std::vector<SubjectAltName> random_names(Random& random) {
  const std::size_t index = random.below(kTenants + 1);
  const std::string name = tenant_name(index);
  const std::string ns = random_namespace(random);
  const std::string workload = "spiffe://cluster.local/ns/" + ns + "/sa/";
  const std::vector<SubjectAltName> of_service = {{Type::kDns, name + ".svc"},
                                                  {Type::kDns, "a." + name + ".svc"},
                                                  {Type::kDns, "*." + name + ".svc"},
                                                  {Type::kIp, "10.0.0." + std::to_string(index)}};
  switch (random.below(10)) {
    case 0:
      return {};
    case 1:
      return {{Type::kUri, "spiffe://elsewhere/ns/" + ns + "/sa/app"}};
    case 2:
      return {{Type::kUri, workload + "app"}, of_service[0]};
    case 3:
    case 4:
      return random.some_of(of_service);
    case 5:
      return {of_service[0], random.one_of<SubjectAltName>({of_service[0], {Type::kDns, "t0.svc"}})};
    default:
      return {{Type::kUri, workload + random.one_of<std::string>({"app", "batch"})}};
  }
}

}  // namespace

Modes random_modes(Random& random) {
  Modes modes;
  if (random.one_in(3)) {
    modes.all = kModes[random.below(kModes.size())];
  }
  for (const Reason reason : kReasons) {
    if (can_be_relaxed(reason) && random.one_in(6)) {
      modes.named.emplace(reason, kModes[random.below(kModes.size())]);
    }
  }
  return modes;
}

PolicyModel::Tenant random_tenant(Random& random, std::size_t index, const RandomOptions& options) {
  const std::string name = tenant_name(index);
  PolicyModel::Tenant tenant;
  tenant.name = name;
  std::vector<std::string> patterns = {name, name + "-*"};
  if (options.namespaces_by_both_ends) {
    patterns.push_back("*-" + name);
  }
  for (const std::string& pattern : random.some_of(patterns)) {
    tenant.namespaces.push_back(*NamePattern::parse(pattern));
  }
  if (random.one_in(2)) {
    tenant.namespace_selector =
        LabelSelector{.requirements = {{.key = "team", .op = LabelSelector::Operator::kIn, .values = {name}}}};
    if (random.one_in(2)) {
      tenant.namespace_selector->requirements.insert(
          tenant.namespace_selector->requirements.begin(),
          {.key = "env",
           .op =
               random.one_of<LabelSelector::Operator>({LabelSelector::Operator::kIn, LabelSelector::Operator::kNotIn}),
           .values = {"prod"}});
    }
  }
  tenant.signers = random.some_of<std::string>({name, name + "-old"});
  if (options.shared_signers && random.one_in(2)) {
    tenant.signers.insert(tenant.signers.begin() + static_cast<std::ptrdiff_t>(random.below(2)), "shared");
  }
  if (random.one_in(2)) {
    tenant.service_accounts.push_back(
        {.name = "batch", .ns = random.one_of<std::string>({"", name}), .signers = {name + "-batch"}});
  }
  tenant.dns_names = {name + ".svc"};
  if (random.one_in(2)) {
    tenant.services.push_back({.requesters = {"bot"},
                               .requester_groups = {name + "-bots"},
                               .dns_names = {"*." + name + ".svc"},
                               .ip_addresses = {"10.0.0." + std::to_string(index)}});
  }
  if (random.one_in(2)) {
    tenant.requesters = random.some_of<std::string>({"bot", "self"});
    tenant.requester_groups = {name + "-bots"};
  }
  tenant.certificate = random_limits(random);
  if (random.one_in(2)) {
    tenant.quota = IssuanceQuota{.per_minute = 1, .burst = 1};
  }
  tenant.suspended = random.one_in(8);
  if (random.one_in(2)) {
    tenant.modes = random_modes(random);
  }
  return tenant;
}

PolicyModel random_model(Random& random, const RandomOptions& options) {
  PolicyModel model;
  model.trust_domains = {"cluster.local"};
  model.signer_domain = "example.com";
  model.routed_signer = random.one_of<std::string>({"", "routed"});
  model.other_signers = random.one_in(4) ? PolicyModel::OtherSigners::kPass : PolicyModel::OtherSigners::kDeny;
  model.requesters = random.some_of<std::string>({"istiod", "self"});
  model.requester_groups = {"operators"};
  model.namespace_admins = {"platform"};
  if (random.one_in(3)) {
    model.issuers = {"cert-manager"};
  }
  if (random.one_in(2)) {
    model.modes = random_modes(random);
  }
  for (std::size_t i = 0; i < kTenants; ++i) {
    model.tenants.push_back(random_tenant(random, i, options));
    if (random.one_in(2)) {
      model.signers.push_back(
          {.name = random.one_of(model.tenants.back().signers), .certificate = random_limits_of_signer(random)});
      if (model.signers.back().name == "shared" && i > 0) {
        model.signers.pop_back();
      }
    }
  }
  return model;
}

SigningRequest random_request(Random& random) {
  const std::string own_namespace = random_namespace(random);
  const std::vector<std::string> requesters = {"istiod", "istiod",  "istiod",
                                               "bot",    "mallory", "system:serviceaccount:" + own_namespace + ":app"};
  const std::vector<std::string> groups = {"operators", "t0-bots", "t1-bots",
                                           "system:serviceaccounts:" + own_namespace};
  const bool wrong = random.one_in(3);  // else nothing but names, signer, key, usages and lifetime
  const KeyType key = random.one_of(kSomeKeys);
  return {.kind = wrong && random.one_in(4) ? SigningRequest::Kind::kCertificateRequest
                                            : SigningRequest::Kind::kCertificateSigningRequest,
          .uid = "uid",
          .name = "csr",
          .signer_name = (random.one_in(20) ? "elsewhere.com/" : "example.com/") + random_signer(random),
          .requester = random.one_of(requesters),
          .requester_groups = random.one_in(2) ? random.some_of(groups) : std::vector<std::string>(),
          .usages = wrong && random.one_in(3)
                        ? random.one_of<std::vector<std::string>>({{}, {"any"}, {"server auth", "server auth"}})
                        : random.some_of<std::string>({"digital signature", "server auth", "client auth"}),
          .expiration_seconds = random.one_of<std::optional<std::int64_t>>(
              {std::nullopt, 0, 599, 600, 3600, 7200, 43200, 43201, 86400, 100000}),
          .annotated_duration =
              wrong ? random.one_of<std::optional<std::string>>({std::nullopt, "1h", "48h", "soon"}) : std::nullopt,
          .annotated_is_ca = wrong && random.one_in(4) ? std::optional<std::string>("true") : std::nullopt,
          .pkcs10 = wrong && random.one_in(8)
                        ? tl::expected<Pkcs10Facts, std::string>(tl::unexpected<std::string>("no PEM"))
                        : Pkcs10Facts{.key_type = wrong && random.one_in(4) ? std::nullopt : std::optional(key),
                                      .key_name = std::string(to_string(key)),
                                      .spki = "spki",
                                      .signature = wrong && random.one_in(4) ? Pkcs10Facts::Signature::kFailed
                                                                             : Pkcs10Facts::Signature::kVerified,
                                      .subject_alt_name_extensions = 1,
                                      .names = random_names(random),
                                      .ca_requested = wrong && random.one_in(4),
                                      .usages = {},
                                      .other_extensions = wrong && random.one_in(4) ? std::vector<std::string>{"1.2.3"}
                                                                                    : std::vector<std::string>()}};
}

KnownNamespaces random_namespaces(Random& random) {
  KnownNamespaces::ByName namespaces;
  for (const std::string ns : {"labelled-1", "labelled-2", "nobodys", "t0", "t1-a"}) {
    if (random.one_in(5)) {
      continue;
    }
    Labels labels;
    if (!random.one_in(4)) {
      labels["team"] = tenant_name(random.below(kTenants + 1));
    }
    if (random.one_in(2)) {
      labels["env"] = random.one_of<std::string>({"prod", "test"});
    }
    namespaces[ns] = std::make_shared<const Labels>(std::move(labels));
  }
  return KnownNamespaces(std::move(namespaces));
}

}  // namespace signet
