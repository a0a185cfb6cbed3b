#include "policy/policy.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "policy/kubernetes_names.h"
#include "policy/policy_language.h"
#include "policy/quoting.h"
#include "policy/workload_signers.h"

namespace signet {
namespace {

template <typename Range, typename Value>
bool contains(const Range& range, const Value& value) {
  return std::ranges::find(range, value) != std::ranges::end(range);
}

std::string rule_of(const PolicyModel::Tenant& tenant) { return "tenants[" + tenant.name + "]"; }

// The service account that an identity names, by exact user name and group (never one without the other: a user name
// alone can be had from any authenticator).
bool is_service_account_of(const SpiffeId& id, const SigningRequest& request) {
  std::string username(kServiceAccountPrefix);
  username.append(id.ns()).append(":").append(id.service_account());
  std::string group(kServiceAccountsGroupPrefix);
  group.append(id.ns());
  return request.requester == username && contains(request.requester_groups, group);
}

// The entry of the lists that is the requester's name or a group of his, or null. `self` is none.
const std::string* listed_name(const SigningRequest& request, const std::vector<std::string>& requesters,
                               const std::vector<std::string>& groups) {
  const auto user = std::ranges::find_if(requesters, [&](const std::string& requester) {
    return requester != kSelfRequester && requester == request.requester;
  });
  if (user != requesters.end()) {
    return &*user;
  }
  const auto group =
      std::ranges::find_if(groups, [&](const std::string& name) { return contains(request.requester_groups, name); });
  return group == groups.end() ? nullptr : &*group;
}

void check_extensions(const Pkcs10Facts& facts, std::vector<Finding>& findings) {
  if (!facts.other_extensions.empty()) {
    findings.push_back(
        {Reason::kExtensionNotAllowed,
         "asked for extension " + joined(facts.other_extensions) +
             "; allowed are subject alternative name, key usage, extended key usage and basicConstraints CA=false"});
  }
  if (facts.ca_requested) {
    findings.push_back({Reason::kCaRequested,
                        "asked to be a certificate authority (basicConstraints CA=true, or key usage keyCertSign or "
                        "cRLSign); only certificates of workloads are signed"});
  }
}

// Each usage once; nothing where one of them is none that we can sign.
std::optional<std::vector<Usage>> signable_usages(const std::vector<std::string>& names) {
  std::vector<Usage> usages;
  for (const std::string& name : names) {
    const std::optional<Usage> usage = usage_named(name);
    if (!usage) {
      return std::nullopt;
    }
    if (!contains(usages, *usage)) {
      usages.push_back(*usage);
    }
  }
  return usages.empty() ? std::nullopt : std::optional(std::move(usages));
}

bool is_of_a_service(const SubjectAltName& name) {
  return name.type == SubjectAltName::Type::kDns || name.type == SubjectAltName::Type::kIp;
}

std::string refused_signer(std::string_view signer, const PolicyModel::Tenant& tenant,
                           const std::vector<std::string>& allowed, const std::string& rule) {
  return "asked for signer " + in_quotes(signer) + "; tenant " + in_quotes(tenant.name) + " may use " +
         joined(allowed, in_quotes) + " (" + rule + ")";
}

}  // namespace

Policy::Policy(PolicyModel model, std::string digest)
    : model_(std::move(model)), digest_(std::move(digest)), tenancy_(model_.tenants), service_names_(model_.tenants) {
  for (std::size_t i = 0; i < model_.tenants.size(); ++i) {
    for (std::string& signer : signers_of_tenant(model_.tenants[i])) {
      tenants_by_signer_[signer].push_back(i);
      signers_.push_back(std::move(signer));
    }
  }
  std::ranges::sort(signers_);
  signers_.erase(std::ranges::unique(signers_).begin(), signers_.end());
  for (std::size_t i = 0; i < model_.signers.size(); ++i) {
    described_signers_.emplace(model_.signers[i].name, i);
  }
}

std::optional<std::string_view> Policy::signer_in_domain(std::string_view signer_name) const {
  const std::size_t domain = model_.signer_domain.size();
  if (signer_name.size() <= domain || signer_name[domain] != '/' || !signer_name.starts_with(model_.signer_domain)) {
    return std::nullopt;
  }
  return signer_name.substr(domain + 1);
}

bool Policy::governs(std::string_view signer_name) const {
  const std::optional<std::string_view> signer = signer_in_domain(signer_name);
  if (!signer) {
    return false;
  }
  return model_.other_signers == PolicyModel::OtherSigners::kDeny || *signer == model_.routed_signer ||
         std::ranges::binary_search(signers_, *signer);
}

std::string Policy::signer_name(std::string_view signer) const {
  return model_.signer_domain + "/" + std::string(signer);
}

const PolicyModel::Tenant* Policy::tenant_of_namespace(std::string_view ns, const NamespaceLabels& namespaces) const {
  const Tenancy::Owner owner = owner_of_namespace(ns, namespaces);
  return owner.kind == Tenancy::Owner::Kind::kTenant ? &model_.tenants[owner.tenant] : nullptr;
}

Tenancy::Owner Policy::owner_of_namespace(std::string_view ns, const NamespaceLabels& namespaces) const {
  const std::shared_ptr<const Labels> labels = tenancy_.asks_labels() ? namespaces.find(ns) : nullptr;
  return tenancy_.owner_of(ns, labels.get());
}

const PolicyModel::Tenant* Policy::tenant_of_signer(std::string_view signer) const {
  const auto owners = tenants_by_signer_.find(signer);
  return owners == tenants_by_signer_.end() ? nullptr : &model_.tenants[owners->second.front()];
}

const PolicyModel::Tenant* Policy::tenant_named(std::string_view name) const {
  const auto found = std::ranges::find(model_.tenants, name, &PolicyModel::Tenant::name);
  return found == model_.tenants.end() ? nullptr : &*found;
}

Mode Policy::mode_of(Reason reason, const PolicyModel::Tenant* tenant, std::string_view signer) const {
  if (!can_be_relaxed(reason)) {
    return Mode::kEnforce;
  }
  const Mode for_all = model_.modes.of(reason).value_or(Mode::kEnforce);
  const auto mode_for = [&](const PolicyModel::Tenant& one) { return one.modes.of(reason).value_or(for_all); };
  Mode mode = tenant == nullptr ? for_all : mode_for(*tenant);
  if (const auto owners = tenants_by_signer_.find(signer); owners != tenants_by_signer_.end()) {
    for (const std::size_t owner : owners->second) {
      mode = std::min(mode, mode_for(model_.tenants[owner]));  // the stricter comes first
    }
  }
  return mode;
}

std::string Policy::no_tenant(std::string_view ns, Tenancy::Owner::Kind kind) const {
  std::string told = "namespace " + in_quotes(ns);
  switch (kind) {
    case Tenancy::Owner::Kind::kTenant:
    case Tenancy::Owner::Kind::kNobody:
      told += std::string(" belongs to no tenant (tenants[].namespaces") +
              (tenancy_.asks_labels() ? ", tenants[].namespaceSelector)" : ")");
      break;
    case Tenancy::Owner::Kind::kUnknown:
      told += " is no tenant's by its name, and its labels are not known (tenants[].namespaceSelector)";
      break;
    case Tenancy::Owner::Kind::kContested:
      told += " could be more than one tenant's (tenants[].namespaces, tenants[].namespaceSelector)";
      break;
  }
  return told + "; nothing is signed for it";
}

void Policy::find_workload(const std::string& uri, const NamespaceLabels& namespaces, Subject& subject) const {
  subject.made.add(Reason::kIdentityInvalid);
  tl::expected<SpiffeId, std::string> id = SpiffeId::parse(uri);
  if (!id) {
    subject.findings.push_back(
        {Reason::kIdentityInvalid, in_quotes(uri) + " is not an identity of this mesh: " + id.error()});
    return;
  }
  if (!contains(model_.trust_domains, id->trust_domain())) {
    subject.findings.push_back({Reason::kIdentityInvalid, in_quotes(uri) + " is of trust domain " +
                                                              in_quotes(id->trust_domain()) + "; ours are " +
                                                              joined(model_.trust_domains) + " (trustDomains)"});
    return;
  }
  subject.made.add(Reason::kNoTenant);
  const Tenancy::Owner owner = owner_of_namespace(id->ns(), namespaces);
  if (owner.kind == Tenancy::Owner::Kind::kTenant) {
    subject.tenant = &model_.tenants[owner.tenant];
  } else {
    subject.findings.push_back({Reason::kNoTenant, no_tenant(id->ns(), owner.kind)});
    subject.undecided = owner.kind == Tenancy::Owner::Kind::kUnknown;
  }
  subject.id = *std::move(id);
}

void Policy::find_service(const std::vector<SubjectAltName>& names, std::string_view signer, Subject& subject) const {
  std::vector<std::string_view> unlisted;
  for (auto name = names.begin(); name != names.end(); ++name) {
    const std::optional<ServiceNames::Owner> owner = service_names_.owner_of(*name);
    const PolicyModel::Tenant* const tenant = owner ? &model_.tenants[owner->tenant] : nullptr;
    // A name of another signer's tenant is told apart from nobody's by nothing.
    if (tenant == nullptr || !contains(tenant->signers, signer) ||
        (subject.tenant != nullptr && subject.tenant != tenant)) {
      unlisted.push_back(name->value);
    } else {
      subject.tenant = tenant;
      if (owner->service) {
        subject.services.push_back(&tenant->services[*owner->service]);
      } else {
        subject.names_of_all_requesters = true;
      }
    }
    if (std::find(names.begin(), name, *name) != name) {
      subject.findings.push_back({Reason::kSubjectAltNameNotAllowed, "asked for " + in_quotes(name->value) + " twice"});
    }
  }
  if (!unlisted.empty()) {
    subject.tenant = nullptr;
    subject.findings.push_back({Reason::kSubjectAltNameNotAllowed,
                                "asked for " + joined(unlisted, in_quotes) + " from signer " + in_quotes(signer) +
                                    "; allowed are the names that this signer's tenant lists "
                                    "(tenants[].dnsNames, tenants[].services)"});
  }
}

Policy::Subject Policy::subject_of(const Pkcs10Facts& facts, std::string_view signer,
                                   const NamespaceLabels& namespaces) const {
  using Type = SubjectAltName::Type;
  Subject subject;
  subject.made.add(Reason::kSubjectAltNameNotAllowed);
  if (facts.subject_alt_name_extensions != 1 || facts.names.empty()) {
    subject.findings.push_back({Reason::kSubjectAltNameNotAllowed,
                                "asked with " + std::to_string(facts.subject_alt_name_extensions) +
                                    " subject alternative name extensions and " + std::to_string(facts.names.size()) +
                                    " names; exactly one extension that names one identity is allowed"});
    return subject;
  }
  if (facts.names.size() == 1 && facts.names.front().type == Type::kUri) {
    find_workload(facts.names.front().value, namespaces, subject);
    return subject;
  }
  if (!std::ranges::all_of(facts.names, is_of_a_service)) {
    subject.findings.push_back(
        {Reason::kSubjectAltNameNotAllowed,
         "asked for " + joined(facts.names, [](const SubjectAltName& name) { return in_quotes(name.value); }) +
             "; allowed is exactly one SPIFFE URI and no other name, or DNS names and IP addresses only"});
    return subject;
  }
  if (!std::ranges::binary_search(signers_, signer)) {
    subject.made = {};
    return subject;  // nobody's signer has nobody's names: the signer is the finding
  }
  find_service(facts.names, signer, subject);
  return subject;
}

const std::string* Policy::listed_requester(const SigningRequest& request, const Subject& subject) const {
  const PolicyModel::Tenant* const tenant = subject.tenant;
  if (const std::string* const name = listed_name(request, model_.requesters, model_.requester_groups)) {
    return name;
  }
  if (tenant != nullptr) {
    if (const std::string* const name = listed_name(request, tenant->requesters, tenant->requester_groups)) {
      return name;
    }
  }
  if (!subject.id || !is_service_account_of(*subject.id, request)) {
    return nullptr;
  }
  const auto self_of = [](const std::vector<std::string>& requesters) {
    const auto self = std::ranges::find(requesters, kSelfRequester);
    return self == requesters.end() ? nullptr : &*self;
  };
  const std::string* const for_all = self_of(model_.requesters);
  return for_all != nullptr || tenant == nullptr ? for_all : self_of(tenant->requesters);
}

void Policy::check_requester(const SigningRequest& request, const Subject& subject, EvaluationTrace& told,
                             Decision& decision) const {
  told.made.add(Reason::kRequesterNotAllowed);
  const std::string rule = subject.tenant == nullptr ? "" : rule_of(*subject.tenant);
  const auto refuse = [&](const std::string& lists) {
    decision.findings.push_back({Reason::kRequesterNotAllowed, in_quotes(request.requester) + " may not ask for " +
                                                                   in_quotes(decision.identity) +
                                                                   "; allowed are the accounts listed in " + lists});
  };
  // The names of a service are for those that it lists, and for nobody who may ask for the tenant's others.
  for (const PolicyModel::Service* const service : subject.services) {
    const std::string* const listed = listed_name(request, service->requesters, service->requester_groups);
    if (listed == nullptr) {
      return refuse(rule + ".services[].requesters");
    }
    told.requester = listed;
  }
  if (subject.services.empty() || subject.names_of_all_requesters) {
    told.requester = listed_requester(request, subject);
    if (told.requester == nullptr) {
      refuse(rule.empty() ? "requesters" : "requesters and " + rule + ".requesters");
    }
  }
}

void Policy::check_signer(std::string_view signer, const Subject& subject, EvaluationTrace& told,
                          Decision& decision) const {
  const PolicyModel::Tenant* const tenant = subject.tenant;
  if (tenant == nullptr) {
    if (!std::ranges::binary_search(signers_, signer)) {
      told.made.add(Reason::kSignerNotAllowed);
      decision.findings.push_back(
          {Reason::kSignerNotAllowed, "asked for signer " + in_quotes(signer) + ", which no tenant has"});
    }
    return;
  }
  told.made.add(Reason::kTenantSuspended);
  if (tenant->suspended) {
    decision.findings.push_back({Reason::kTenantSuspended, "tenant " + in_quotes(tenant->name) +
                                                               " is suspended; nothing is signed for it (" +
                                                               rule_of(*tenant) + ".suspended)"});
  }
  told.made.add(Reason::kSignerNotAllowed);
  const std::string_view ns = subject.id ? subject.id->ns() : "";
  const std::string_view account = subject.id ? subject.id->service_account() : "";
  const std::vector<std::string>& allowed = signers_of_account(*tenant, ns, account);
  if (!contains(allowed, signer)) {
    const std::string rule = signers_rule(*tenant, ns, account);
    decision.findings.push_back({Reason::kSignerNotAllowed, refused_signer(signer, *tenant, allowed, rule)});
  }
}

// What a certificate of the tenant's may be; the lifetime to grant.
std::chrono::seconds Policy::check_limits(const SigningRequest& request, std::string_view signer,
                                          const PolicyModel::Tenant* tenant, EvaluationTrace& told,
                                          Decision& decision) const {
  const Pkcs10Facts& facts = *request.pkcs10;
  std::vector<Finding>& findings = decision.findings;
  const bool key_possible = facts.key_type.has_value();
  if (tenant != nullptr || !key_possible) {
    told.made.add(Reason::kKeyNotAllowed);
  }
  if (tenant == nullptr) {
    if (!key_possible) {
      findings.push_back(
          {Reason::kKeyNotAllowed, "asked with a key of type " + facts.key_name + ", which no policy can allow"});
    }
    return std::chrono::seconds(0);
  }
  const LimitsInForce limits(*tenant, described_signer(signer));
  if (!key_possible || !limits.allows(*facts.key_type)) {
    findings.push_back(
        {Reason::kKeyNotAllowed, "asked with a key of type " + facts.key_name + "; allowed are " +
                                     joined(limits.keys(), [](KeyType type) { return to_string(type); }) + " (" +
                                     limits.keys_rule() + ")"});
  }
  told.made.add(Reason::kUsageNotAllowed);
  told.made.add(Reason::kDurationTooLong);
  told.made.add(Reason::kDurationTooShort);
  std::ranges::move(check_usages(request, facts, limits), std::back_inserter(findings));
  CheckedLifetime lifetime = check_lifetime(request, limits, signing_of(request));
  std::ranges::move(lifetime.findings, std::back_inserter(findings));
  return lifetime.granted;
}

Signing Policy::signing_of(const SigningRequest& request) const {
  const bool foreign = issuers_are_foreign() || request.kind == SigningRequest::Kind::kCertificateRequest;
  return foreign ? Signing::kForeign : Signing::kOurs;
}

Decision Policy::evaluate(const SigningRequest& request, const NamespaceLabels& namespaces,
                          EvaluationTrace* trace) const {
  EvaluationTrace unheard;
  EvaluationTrace& told = trace == nullptr ? unheard : *trace;
  Decision decision;
  if (!governs(request.signer_name)) {
    decision.verdict = Decision::Verdict::kNotOurs;
    return decision;
  }
  const std::string_view signer = *signer_in_domain(request.signer_name);
  if (!request.pkcs10) {
    told.made.add(Reason::kRequestMalformed);
    decision.findings.push_back({Reason::kRequestMalformed, "spec.request: " + request.pkcs10.error()});
    return decision;
  }
  const Pkcs10Facts& facts = *request.pkcs10;
  decision.identity = joined(facts.names, &SubjectAltName::value);

  Subject subject = subject_of(facts, signer, namespaces);
  const PolicyModel::Tenant* const tenant = subject.tenant;
  decision.undecided = subject.undecided;
  told.made = subject.made;
  told.tenant = tenant;
  told.signer = described_signer(signer);
  std::vector<Finding>& findings = decision.findings;

  // In the order of the table that users know: the first finding is the reason they are given.
  const bool verified = facts.signature == Pkcs10Facts::Signature::kVerified;
  // With a key that is refused anyway, what it has signed does not matter.
  const bool key_matters =
      facts.key_type && (tenant == nullptr || LimitsInForce(*tenant, told.signer).allows(*facts.key_type) ||
                         mode_of(Reason::kKeyNotAllowed, tenant, signer) != Mode::kEnforce);
  if (key_matters) {
    told.made.add(Reason::kRequestMalformed);
    if (!verified) {
      findings.push_back({Reason::kRequestMalformed,
                          "spec.request: its signature does not verify with its own key (proof of possession)"});
    }
  }
  check_requester(request, subject, told, decision);
  told.made.add(Reason::kExtensionNotAllowed);
  told.made.add(Reason::kCaRequested);
  check_extensions(facts, findings);
  if (request.annotated_is_ca && *request.annotated_is_ca != "false") {
    const bool annotated = request.kind == SigningRequest::Kind::kCertificateSigningRequest;
    findings.push_back(
        {Reason::kCaRequested,
         std::string(annotated ? "annotation experimental.cert-manager.io/request-is-ca is " : "spec.isCA is ") +
             in_quotes(*request.annotated_is_ca) + "; only certificates of workloads are signed"});
  }
  std::ranges::move(subject.findings, std::back_inserter(findings));
  check_signer(signer, subject, told, decision);
  const std::chrono::seconds lifetime = check_limits(request, signer, tenant, told, decision);
  if (tenant != nullptr) {
    decision.tenant = tenant->name;
    decision.rule = rule_of(*tenant);
  }

  std::optional<std::vector<Usage>> usages = signable_usages(request.usages);
  const bool signable = tenant != nullptr && facts.key_type && verified && usages && lifetime.count() > 0 &&
                        std::ranges::binary_search(signers_, signer);
  decide(tenant, signer, signable || signing_of(request) == Signing::kForeign, decision);
  if (decision.denied() || !signable) {
    return decision;
  }
  decision.grant = Grant({.csr_uid = request.uid,
                          .csr_name = request.name,
                          .signer = std::string(signer),
                          .tenant = tenant->name,
                          .spki = facts.spki,
                          .key_type = *facts.key_type,
                          .names = facts.names,
                          .usages = *std::move(usages),
                          .lifetime = lifetime,
                          .chain_ends_in_root = subject.id && !model_.routed_signer.empty(),
                          .quota = tenant->quota});
  return decision;
}

void Policy::decide(const PolicyModel::Tenant* tenant, std::string_view signer, bool can_be_let_pass,
                    Decision& decision) const {
  for (Finding& finding : decision.findings) {
    // Nobody gets a certificate of what we cannot sign, so that is said at once, whatever the modes.
    finding.mode = can_be_let_pass ? mode_of(finding.reason, tenant, signer) : Mode::kEnforce;
  }
  decision.verdict = verdict_of(decision.findings);
}

Policy::Adjustment Policy::adjust(const SigningRequest& request, const NamespaceLabels& namespaces) const {
  Adjustment adjustment;
  if (!governs(request.signer_name) || !request.pkcs10) {
    return adjustment;
  }
  std::string_view signer = *signer_in_domain(request.signer_name);
  const Subject subject = subject_of(*request.pkcs10, signer, namespaces);
  if (subject.tenant == nullptr) {
    return adjustment;
  }
  if (subject.id && !model_.routed_signer.empty() && signer == model_.routed_signer) {
    signer = signers_of_account(*subject.tenant, subject.id->ns(), subject.id->service_account()).front();
    adjustment.signer_name = signer_name(signer);
  }
  const LimitsInForce limits(*subject.tenant, described_signer(signer));
  const std::int64_t least = limits.min_duration().count();
  const std::int64_t most = limits.max_duration().count();
  // Where a bound is not enforced, nothing is held to it.
  const auto is_enforced = [&](Reason bound) { return mode_of(bound, subject.tenant, signer) == Mode::kEnforce; };
  const std::optional<std::int64_t> asked = request.expiration_seconds;
  if (least > most || (asked && !limits.clamps())) {
    return adjustment;
  }
  if ((!asked || *asked > most) && is_enforced(Reason::kDurationTooLong)) {
    adjustment.expiration_seconds = most;
  } else if (asked && *asked < least && is_enforced(Reason::kDurationTooShort)) {
    adjustment.expiration_seconds = least;
  }
  return adjustment;
}

bool Policy::may_issue(std::string_view username, std::string_view self) const {
  return issuers_are_foreign() ? contains(model_.issuers, username) : !self.empty() && username == self;
}

const PolicyModel::Signer* Policy::described_signer(std::string_view signer) const {
  const auto described = described_signers_.find(signer);
  return described == described_signers_.end() ? nullptr : &model_.signers[described->second];
}

std::string Policy::secret_name(std::string_view signer) const {
  const PolicyModel::Signer* const described = described_signer(signer);
  return described != nullptr && !described->secret_name.empty() ? described->secret_name : std::string(signer) + "-ca";
}

}  // namespace signet
