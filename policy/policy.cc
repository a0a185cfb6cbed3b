#include "policy/policy.h"

#include <algorithm>
#include <functional>
#include <iterator>
#include <utility>

#include "policy/duration.h"
#include "policy/kubernetes_names.h"
#include "policy/policy_language.h"
#include "policy/quoting.h"

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

std::string seconds_text(std::int64_t seconds) { return std::to_string(seconds) + " s"; }

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

void check_usages(const SigningRequest& request, const Pkcs10Facts& facts, const CertificateLimits& limits,
                  const std::string& rule, std::vector<Finding>& findings) {
  // With more than there are, some are unknown or repeated anyway; comparing them all would be an attacker's work for
  // us.
  constexpr std::size_t kMaxUsages = 64;
  if (request.usages.size() > kMaxUsages) {
    findings.push_back({Reason::kUsageNotAllowed, "spec.usages has " + std::to_string(request.usages.size()) +
                                                      " entries; at most " + std::to_string(kMaxUsages) + " are read"});
    return;
  }
  std::vector<std::string> refused;
  std::vector<std::string> repeated;
  const auto check = [&](const std::string& name) {
    const std::optional<Usage> usage = usage_named(name);
    if (!(usage && contains(limits.usages, *usage)) && !contains(refused, in_quotes(name))) {
      refused.push_back(in_quotes(name));
    }
  };
  for (auto usage = request.usages.begin(); usage != request.usages.end(); ++usage) {
    check(*usage);
    if (std::find(request.usages.begin(), usage, *usage) != usage) {
      repeated.push_back(in_quotes(*usage));
    }
  }
  std::ranges::for_each(facts.usages, check);
  if (!refused.empty()) {
    findings.push_back(
        {Reason::kUsageNotAllowed, "asked for usage " + joined(refused) + "; allowed are " +
                                       joined(limits.usages, [](Usage usage) { return in_quotes(to_string(usage)); }) +
                                       " (" + rule + ".certificate.usages)"});
  }
  if (!repeated.empty()) {
    findings.push_back({Reason::kUsageNotAllowed, "spec.usages repeats " + joined(repeated)});
  }
  if (request.usages.empty()) {
    findings.push_back({Reason::kUsageNotAllowed, "spec.usages is empty; a certificate needs a usage"});
  }
}

// The lifetime to grant, with findings for what was asked beyond the maximum. Where several places ask, each is held to
// the limit; we grant the shortest, and expect of a foreign signer what cert-manager does: the annotation wins.
std::chrono::seconds check_duration(const SigningRequest& request, const CertificateLimits& limits, bool foreign,
                                    const std::string& rule, std::vector<Finding>& findings) {
  const std::string field =
      request.kind == SigningRequest::Kind::kCertificateRequest ? "spec.duration" : "spec.expirationSeconds";
  const std::string allowed = "; allowed are " + seconds_text(kMinDuration.count()) + " to " +
                              seconds_text(limits.max_duration.count()) + " (" + to_string(limits.max_duration) + ", " +
                              rule + ".certificate.maxDuration)";
  const auto in_bounds = [&](std::chrono::seconds duration) {
    return duration >= kMinDuration && duration <= limits.max_duration;
  };
  std::chrono::seconds lifetime = foreign ? kForeignDefaultDuration : limits.max_duration;
  if (request.expiration_seconds) {
    lifetime = std::chrono::seconds(*request.expiration_seconds);
    if (!in_bounds(lifetime)) {
      findings.push_back(
          {Reason::kDurationTooLong, field + " asks for " + seconds_text(*request.expiration_seconds) + allowed});
    }
  } else if (!request.annotated_duration && !in_bounds(lifetime)) {
    findings.push_back({Reason::kDurationTooLong,
                        field + " is absent, for which the signer gives " + seconds_text(lifetime.count()) + allowed});
  }
  if (request.annotated_duration) {
    const std::optional<std::chrono::seconds> annotated = parse_duration(*request.annotated_duration);
    if (!annotated || !in_bounds(*annotated)) {
      findings.push_back(
          {Reason::kDurationTooLong, "annotation experimental.cert-manager.io/request-duration asks for " +
                                         in_quotes(*request.annotated_duration) + allowed});
      return lifetime;
    }
    lifetime = foreign ? *annotated : std::min(lifetime, *annotated);
  }
  return lifetime;
}

}  // namespace

Policy::Policy(PolicyModel model, std::string digest) : model_(std::move(model)), digest_(std::move(digest)) {
  for (std::size_t i = 0; i < model_.tenants.size(); ++i) {
    const PolicyModel::Tenant& tenant = model_.tenants[i];
    for (const std::string& ns : tenant.namespaces) {
      tenant_by_namespace_.emplace(ns, i);
    }
    for (const std::string& dns_name : tenant.dns_names) {
      tenant_by_dns_name_.emplace(dns_name, i);
    }
    signers_.insert(signers_.end(), tenant.signers.begin(), tenant.signers.end());
  }
  std::ranges::sort(signers_);
  signers_.erase(std::ranges::unique(signers_).begin(), signers_.end());
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

const PolicyModel::Tenant* Policy::tenant_of_namespace(std::string_view ns) const {
  const auto found = tenant_by_namespace_.find(ns);
  return found == tenant_by_namespace_.end() ? nullptr : &model_.tenants[found->second];
}

const PolicyModel::Tenant* Policy::tenant_of_signer(std::string_view signer) const {
  const auto found = std::ranges::find_if(
      model_.tenants, [&](const PolicyModel::Tenant& tenant) { return contains(tenant.signers, signer); });
  return found == model_.tenants.end() ? nullptr : &*found;
}

const PolicyModel::Tenant* Policy::tenant_of_dns_name(std::string_view dns_name, std::string_view signer) const {
  const auto found = tenant_by_dns_name_.find(dns_name);
  if (found == tenant_by_dns_name_.end()) {
    return nullptr;
  }
  const PolicyModel::Tenant& tenant = model_.tenants[found->second];
  return contains(tenant.signers, signer) ? &tenant : nullptr;
}

Policy::Subject Policy::subject_of(const Pkcs10Facts& facts, std::string_view signer) const {
  Subject subject;
  const auto refuse = [&subject](Reason reason, std::string message) {
    subject.findings.push_back({reason, std::move(message)});
  };
  using Type = SubjectAltName::Type;
  const auto is = [](Type type) { return [type](const SubjectAltName& name) { return name.type == type; }; };

  subject.made.add(Reason::kSubjectAltNameNotAllowed);
  if (facts.subject_alt_name_extensions != 1 || facts.names.empty()) {
    refuse(Reason::kSubjectAltNameNotAllowed, "asked with " + std::to_string(facts.subject_alt_name_extensions) +
                                                  " subject alternative name extensions and " +
                                                  std::to_string(facts.names.size()) +
                                                  " names; exactly one extension that names one identity is allowed");
    return subject;
  }
  const bool workload = facts.names.size() == 1 && facts.names.front().type == Type::kUri;
  if (!workload && !std::ranges::all_of(facts.names, is(Type::kDns))) {
    refuse(Reason::kSubjectAltNameNotAllowed,
           "asked for " + joined(facts.names, [](const SubjectAltName& name) { return in_quotes(name.value); }) +
               "; allowed is exactly one SPIFFE URI and no other name, or DNS names only");
    return subject;
  }

  if (workload) {
    subject.made.add(Reason::kIdentityInvalid);
    const std::string& uri = facts.names.front().value;
    tl::expected<SpiffeId, std::string> id = SpiffeId::parse(uri);
    if (!id) {
      refuse(Reason::kIdentityInvalid, in_quotes(uri) + " is not an identity of this mesh: " + id.error());
    } else if (!contains(model_.trust_domains, id->trust_domain())) {
      refuse(Reason::kIdentityInvalid, in_quotes(uri) + " is of trust domain " + in_quotes(id->trust_domain()) +
                                           "; ours are " + joined(model_.trust_domains) + " (trustDomains)");
    } else {
      subject.made.add(Reason::kNoTenant);
      subject.tenant = tenant_of_namespace(id->ns());
      if (subject.tenant == nullptr) {
        refuse(Reason::kNoTenant, "namespace " + in_quotes(id->ns()) +
                                      " belongs to no tenant (tenants[].namespaces); nothing is signed for it");
      }
      subject.id = *std::move(id);
    }
    return subject;
  }

  if (!std::ranges::binary_search(signers_, signer)) {
    subject.made = {};
    return subject;  // nobody's signer has nobody's DNS names: the signer is the finding
  }
  std::vector<std::string_view> unlisted;
  for (auto name = facts.names.begin(); name != facts.names.end(); ++name) {
    const PolicyModel::Tenant* const tenant = tenant_of_dns_name(name->value, signer);
    if (tenant == nullptr || (subject.tenant != nullptr && subject.tenant != tenant)) {
      unlisted.push_back(name->value);
    } else {
      subject.tenant = tenant;
    }
    if (std::find(facts.names.begin(), name, *name) != name) {
      refuse(Reason::kSubjectAltNameNotAllowed, "asked for DNS name " + in_quotes(name->value) + " twice");
    }
  }
  if (!unlisted.empty()) {
    subject.tenant = nullptr;
    refuse(Reason::kSubjectAltNameNotAllowed, "asked for DNS name " + joined(unlisted, in_quotes) + " from signer " +
                                                  in_quotes(signer) +
                                                  "; allowed are the names that this signer's tenant lists "
                                                  "(tenants[].dnsNames)");
  }
  return subject;
}

const std::string* Policy::listed_requester(const SigningRequest& request, const Subject& subject) const {
  const auto listed_in = [&](const std::vector<std::string>& requesters) -> const std::string* {
    const auto listed = std::ranges::find_if(requesters, [&](const std::string& requester) {
      return requester == kSelfRequester ? subject.id && is_service_account_of(*subject.id, request)
                                         : requester == request.requester;
    });
    return listed == requesters.end() ? nullptr : &*listed;
  };
  const std::string* const for_all = listed_in(model_.requesters);
  return for_all != nullptr || subject.tenant == nullptr ? for_all : listed_in(subject.tenant->requesters);
}

Decision Policy::evaluate(const SigningRequest& request, EvaluationTrace* trace) const {
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

  Subject subject = subject_of(facts, signer);
  const PolicyModel::Tenant* const tenant = subject.tenant;
  told.made = subject.made;
  told.tenant = tenant;
  const std::string rule = tenant == nullptr ? "" : rule_of(*tenant);
  const bool key_possible = facts.key_type.has_value();
  const bool key_allowed = key_possible && (tenant == nullptr || contains(tenant->certificate.keys, *facts.key_type));
  std::vector<Finding>& findings = decision.findings;

  // In the order of the table that users know: the first finding is the reason they are given.
  if (key_allowed) {
    told.made.add(Reason::kRequestMalformed);
    if (facts.signature != Pkcs10Facts::Signature::kVerified) {
      findings.push_back({Reason::kRequestMalformed,
                          "spec.request: its signature does not verify with its own key (proof of possession)"});
    }
  }
  told.made.add(Reason::kRequesterNotAllowed);
  told.requester = listed_requester(request, subject);
  if (told.requester == nullptr) {
    findings.push_back({Reason::kRequesterNotAllowed, in_quotes(request.requester) + " may not ask for " +
                                                          in_quotes(decision.identity) +
                                                          "; allowed are the accounts listed in requesters" +
                                                          (tenant == nullptr ? "" : " and " + rule + ".requesters")});
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
  if (!std::ranges::binary_search(signers_, signer) && tenant == nullptr) {
    told.made.add(Reason::kSignerNotAllowed);
    findings.push_back({Reason::kSignerNotAllowed, "asked for signer " + in_quotes(signer) + ", which no tenant has"});
  }
  if (tenant != nullptr) {
    told.made.add(Reason::kSignerNotAllowed);
    if (!contains(tenant->signers, signer)) {
      findings.push_back({Reason::kSignerNotAllowed,
                          "asked for signer " + in_quotes(signer) + "; tenant " + in_quotes(tenant->name) +
                              " may use " + joined(tenant->signers, in_quotes) + " (" + rule + ".signers)"});
    }
  }
  if (tenant != nullptr || !key_possible) {
    told.made.add(Reason::kKeyNotAllowed);
  }
  if (!key_allowed) {
    findings.push_back(
        {Reason::kKeyNotAllowed,
         "asked with a key of type " + facts.key_name +
             (tenant == nullptr
                  ? ", which no policy can allow"
                  : "; allowed are " + joined(tenant->certificate.keys, [](KeyType type) { return to_string(type); }) +
                        " (" + rule + ".certificate.keys)")});
  }
  std::chrono::seconds lifetime{0};
  if (tenant != nullptr) {
    told.made.add(Reason::kUsageNotAllowed);
    told.made.add(Reason::kDurationTooLong);
    check_usages(request, facts, tenant->certificate, rule, findings);
    const bool foreign = issuers_are_foreign() || request.kind == SigningRequest::Kind::kCertificateRequest;
    lifetime = check_duration(request, tenant->certificate, foreign, rule, findings);
    decision.tenant = tenant->name;
    decision.rule = rule;
  }
  if (!findings.empty() || tenant == nullptr) {
    return decision;
  }

  std::vector<Usage> usages;
  for (const std::string& name : request.usages) {
    usages.push_back(*usage_named(name));
  }
  decision.verdict = Decision::Verdict::kGranted;
  decision.grant = Grant({.csr_uid = request.uid,
                          .csr_name = request.name,
                          .signer = std::string(signer),
                          .tenant = tenant->name,
                          .spki = facts.spki,
                          .key_type = *facts.key_type,
                          .names = facts.names,
                          .usages = std::move(usages),
                          .lifetime = lifetime,
                          .chain_ends_in_root = subject.id && !model_.routed_signer.empty(),
                          .quota = tenant->quota});
  return decision;
}

Policy::Adjustment Policy::adjust(const SigningRequest& request) const {
  Adjustment adjustment;
  if (!governs(request.signer_name) || !request.pkcs10) {
    return adjustment;
  }
  const std::string_view signer = *signer_in_domain(request.signer_name);
  const Subject subject = subject_of(*request.pkcs10, signer);
  if (subject.tenant == nullptr) {
    return adjustment;
  }
  if (subject.id && !model_.routed_signer.empty() && signer == model_.routed_signer) {
    adjustment.signer_name = signer_name(subject.tenant->signers.front());
  }
  const std::int64_t max_seconds = subject.tenant->certificate.max_duration.count();
  if (!request.expiration_seconds || *request.expiration_seconds > max_seconds) {
    adjustment.expiration_seconds = max_seconds;
  }
  return adjustment;
}

bool Policy::may_issue(std::string_view username, std::string_view self) const {
  return issuers_are_foreign() ? contains(model_.issuers, username) : !self.empty() && username == self;
}

std::string Policy::secret_name(std::string_view signer) const {
  const auto named = std::ranges::find(model_.signers, signer, &PolicyModel::Signer::name);
  return named != model_.signers.end() && !named->secret_name.empty() ? named->secret_name
                                                                      : std::string(signer) + "-ca";
}

}  // namespace signet
