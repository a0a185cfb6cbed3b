#include "policy/policy.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "policy/quoting.h"
#include "policy/request_subject.h"
#include "policy/requester_check.h"
#include "policy/workload_signers.h"

namespace signet {
namespace {

template <typename Range, typename Value>
bool contains(const Range& range, const Value& value) {
  return std::ranges::find(range, value) != std::ranges::end(range);
}

std::string rule_of(const PolicyModel::Tenant& tenant) { return "tenants[" + tenant.name + "]"; }

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

}  // namespace

Policy::Policy(PolicyModel model, std::string digest)
    : model_(std::move(model)), digest_(std::move(digest)), tenancy_(model_.tenants), service_names_(model_.tenants) {
  for (std::size_t i = 0; i < model_.tenants.size(); ++i) {
    const PolicyModel::Tenant& tenant = model_.tenants[i];
    for (std::string& signer : signers_of_tenant(tenant)) {
      if (const auto [owner, only] = tenant_by_signer_.try_emplace(signer, i); !only) {
        owner->second.reset();
      }
      if (tenant.suspended) {
        suspended_signers_.insert(signer);
      }
      const auto [known, added] = modes_by_signer_.try_emplace(signer);
      for (const Reason reason : kReasons) {
        Mode& strictest = known->second[static_cast<std::size_t>(reason)];
        const Mode mode = mode_of(reason, &tenant, {});
        strictest = added ? mode : std::min(strictest, mode);  // the stricter comes first
      }
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
         has_signer(*signer);
}

bool Policy::has_signer(std::string_view signer) const { return std::ranges::binary_search(signers_, signer); }

std::string Policy::signer_name(std::string_view signer) const {
  return model_.signer_domain + "/" + std::string(signer);
}

const PolicyModel::Tenant* Policy::tenant_of_namespace(std::string_view ns, const NamespaceLabels& namespaces) const {
  const Tenancy::Owner owner = tenancy_.owner_of(ns, namespaces);
  return owner.kind == Tenancy::Owner::Kind::kTenant ? &model_.tenants[owner.tenant] : nullptr;
}

const PolicyModel::Tenant* Policy::tenant_of_signer(std::string_view signer) const {
  const auto owner = tenant_by_signer_.find(signer);
  return owner == tenant_by_signer_.end() || !owner->second ? nullptr : &model_.tenants[*owner->second];
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
  const Mode mode = tenant == nullptr ? for_all : tenant->modes.of(reason).value_or(for_all);
  const auto of_signer = modes_by_signer_.find(signer);
  return of_signer == modes_by_signer_.end()
             ? mode
             : std::min(mode, of_signer->second[static_cast<std::size_t>(reason)]);  // the stricter comes first
}

void Policy::check_signer(std::string_view signer, const RequestSubject& subject, EvaluationTrace& told,
                          Decision& decision) const {
  const PolicyModel::Tenant* const tenant = subject.tenant;
  if (tenant == nullptr) {
    if (suspended_signers_.contains(signer)) {
      told.made.add(Reason::kTenantSuspended);
      decision.findings.push_back({Reason::kTenantSuspended, "a tenant of signer " + in_quotes(signer) +
                                                                 " is suspended; nothing is signed for it "
                                                                 "(tenants[].suspended)"});
    }
    if (!has_signer(signer)) {
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
  if (!contains(signers_of_account(*tenant, ns, account), signer)) {
    decision.findings.push_back({Reason::kSignerNotAllowed,
                                 "asked for signer " + in_quotes(signer) + "; " + may_use_text(*tenant, ns, account)});
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

  RequestSubject subject = subject_of(*this, facts, signer, namespaces);
  const PolicyModel::Tenant* const tenant = subject.tenant;
  decision.undecided = subject.undecided;
  told.made = subject.made;
  told.tenant = tenant;
  told.signer = described_signer(signer);
  std::vector<Finding>& findings = decision.findings;

  // In the order of the table that users know: the first finding is the reason they are given.
  const bool verified = facts.signature == Pkcs10Facts::Signature::kVerified;
  // With a key that is refused anyway, what it has signed does not matter.
  if (facts.key_type && (tenant == nullptr || LimitsInForce(*tenant, told.signer).allows(*facts.key_type))) {
    told.made.add(Reason::kRequestMalformed);
    if (!verified) {
      findings.push_back({Reason::kRequestMalformed,
                          "spec.request: its signature does not verify with its own key (proof of possession)"});
    }
  }
  CheckedRequester requester = check_requester(model_, request, subject);
  told.made.add(Reason::kRequesterNotAllowed);
  told.requester = requester.listed;
  if (requester.finding) {
    findings.push_back(*std::move(requester.finding));
  }
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
  const bool signable =
      tenant != nullptr && facts.key_type && verified && usages && lifetime.count() > 0 && has_signer(signer);
  const bool signable_by_others =
      signing_of(request) == Signing::kForeign && facts.signature != Pkcs10Facts::Signature::kFailed;
  decide(signer, told, signable || signable_by_others, decision);
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

void Policy::decide(std::string_view signer, const EvaluationTrace& told, bool can_be_let_pass,
                    Decision& decision) const {
  // Nobody gets a certificate of what we cannot sign, so that is said at once, whatever the modes. What failed and kept
  // other checks from being made passes only where those would.
  Mode most = can_be_let_pass ? Mode::kAudit : Mode::kEnforce;
  for (const Reason reason : kReasons) {
    if (is_of_requests(reason) && can_be_relaxed(reason) && !told.made.contains(reason)) {
      most = std::min(most, mode_of(reason, told.tenant, signer));
    }
  }
  for (Finding& finding : decision.findings) {
    finding.mode = std::min(most, mode_of(finding.reason, told.tenant, signer));
  }
  decision.verdict = verdict_of(decision.findings);
}

Policy::Adjustment Policy::adjust(const SigningRequest& request, const NamespaceLabels& namespaces) const {
  Adjustment adjustment;
  if (!governs(request.signer_name) || !request.pkcs10) {
    return adjustment;
  }
  std::string_view signer = *signer_in_domain(request.signer_name);
  const RequestSubject subject = subject_of(*this, *request.pkcs10, signer, namespaces);
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
