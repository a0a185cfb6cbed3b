#include "policy/explanation.h"

#include <algorithm>
#include <functional>
#include <iterator>
#include <optional>
#include <utility>

#include "policy/duration.h"
#include "policy/quoting.h"
#include "policy/spiffe_id.h"
#include "policy/workload_signers.h"

namespace signet {
namespace {

using Tenant = PolicyModel::Tenant;

std::string or_none(std::string text) { return text.empty() ? "none" : text; }

std::string quoted(const std::vector<std::string>& names) { return or_none(joined(names, in_quotes)); }

bool contains(const std::vector<std::string>& names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

// Describes what each check looked at and what would pass it. Whether it did pass is the evaluation's word alone.
class Describer {
 public:
  Describer(const Policy& policy, const SigningRequest& request, const EvaluationTrace& trace, Audience audience)
      : model_(policy.model()),
        request_(request),
        facts_(request.pkcs10 ? *request.pkcs10 : kNoFacts),
        trace_(trace),
        tenant_(trace.tenant),
        for_operator_(audience == Audience::kOperator),
        signer_(policy.signer_in_domain(request.signer_name).value_or("")) {
    if (facts_.names.size() == 1 && facts_.names.front().type == SubjectAltName::Type::kUri) {
      if (const auto id = SpiffeId::parse(facts_.names.front().value)) {
        ns_ = id->ns();
        service_account_ = id->service_account();
      }
    }
  }

  ExplainedCheck describe(Reason check) const {
    ExplainedCheck told{
        .check = check, .asked = asked(check), .allowed = {}, .rule = {}, .findings = {}, .mode = Mode::kEnforce};
    if (trace_.made.contains(check)) {
      told.outcome = ExplainedCheck::Outcome::kPassed;
      told.allowed = allowed(check);
      told.rule = rule(check);
    }
    return told;
  }

 private:
  [[nodiscard]] std::string asked(Reason check) const {
    if (!request_.pkcs10 && check != Reason::kRequestMalformed) {
      return "unknown: there is no PKCS#10 that could be read";
    }
    switch (check) {
      case Reason::kRequestMalformed:
        return asked_signature();
      case Reason::kRequesterNotAllowed:
        return in_quotes(request_.requester);
      case Reason::kExtensionNotAllowed:
        return facts_.other_extensions.empty() ? "no other extension" : joined(facts_.other_extensions);
      case Reason::kCaRequested:
        return facts_.ca_requested || request_.annotated_is_ca.value_or("false") != "false"
                   ? "to be a certificate authority"
                   : "no certificate authority";
      case Reason::kSubjectAltNameNotAllowed:
        return asked_names();
      case Reason::kIdentityInvalid:
        return is_service() ? "names of a service, no SPIFFE ID" : asked_names();
      case Reason::kNoTenant:
        return asked_namespace();
      case Reason::kTenantSuspended:
        return tenant_ == nullptr ? "no tenant that could be told" : "tenant " + in_quotes(tenant_->name);
      case Reason::kSignerNotAllowed:
        return in_quotes(signer_);
      case Reason::kKeyNotAllowed:
        return facts_.key_name;
      case Reason::kUsageNotAllowed:
        return asked_usages();
      case Reason::kDurationTooLong:
      case Reason::kDurationTooShort:
        return asked_duration();
      case Reason::kIssuerNotAllowed:
      case Reason::kCertificateNotAllowed:
      case Reason::kVariableLocked:
      case Reason::kNamespaceNotAllowed:
        break;
    }
    return {};
  }

  [[nodiscard]] std::string allowed(Reason check) const {
    switch (check) {
      case Reason::kRequestMalformed:
        return "one PKCS#10 whose signature verifies with its own key";
      case Reason::kRequesterNotAllowed:
        return allowed_requesters();
      case Reason::kExtensionNotAllowed:
        return "subject alternative name, key usage, extended key usage, basicConstraints CA=false";
      case Reason::kCaRequested:
        return "certificates of workloads and services";
      case Reason::kSubjectAltNameNotAllowed:
        return is_service() ? allowed_service_names()
                            : "exactly one SPIFFE URI and no other name, or DNS names and IP addresses only";
      case Reason::kIdentityInvalid:
        return "spiffe://<trust domain>/ns/<namespace>/sa/<service account>; trust domains are " +
               joined(model_.trust_domains);
      case Reason::kNoTenant:
        return allowed_namespaces();
      case Reason::kTenantSuspended:
        return "tenants that are not suspended";
      case Reason::kSignerNotAllowed:
        return allowed_signers();
      case Reason::kKeyNotAllowed:
        return tenant_ == nullptr ? "key types that a policy can allow" : or_none(joined(limits().keys(), key_text));
      case Reason::kUsageNotAllowed:
        return or_none(joined(limits().usages(), usage_text)) + "; each once, at least one";
      case Reason::kDurationTooLong:
        return to_string(limits().max_duration()) + " at most";
      case Reason::kDurationTooShort:
        return to_string(limits().min_duration()) + " at least";
      case Reason::kIssuerNotAllowed:
      case Reason::kCertificateNotAllowed:
      case Reason::kVariableLocked:
      case Reason::kNamespaceNotAllowed:
        break;
    }
    return {};
  }

  [[nodiscard]] std::string rule(Reason check) const {
    const std::string tenant = tenant_ == nullptr ? "tenants[]" : "tenants[" + tenant_->name + "]";
    switch (check) {
      case Reason::kRequesterNotAllowed:
        return requester_rule(tenant);
      case Reason::kSubjectAltNameNotAllowed:
        return is_service() ? tenant + ".dnsNames, " + tenant + ".services" : "";
      case Reason::kIdentityInvalid:
        return "trustDomains";
      case Reason::kNoTenant:
        return tenant_ != nullptr && !tenant_->namespace_selector
                   ? tenant + ".namespaces"
                   : tenant + ".namespaces, " + tenant + ".namespaceSelector";
      case Reason::kTenantSuspended:
        return tenant + ".suspended";
      case Reason::kSignerNotAllowed:
        return tenant_ == nullptr ? tenant + ".signers" : signers_rule(*tenant_, ns_, service_account_);
      case Reason::kKeyNotAllowed:
        return tenant_ == nullptr ? "" : limits().keys_rule();
      case Reason::kUsageNotAllowed:
        return limits().usages_rule();
      case Reason::kDurationTooLong:
        return limits().max_duration_rule();
      case Reason::kDurationTooShort:
        return limits().min_duration_rule();
      case Reason::kRequestMalformed:
      case Reason::kExtensionNotAllowed:
      case Reason::kCaRequested:
      case Reason::kIssuerNotAllowed:
      case Reason::kCertificateNotAllowed:
      case Reason::kVariableLocked:
      case Reason::kNamespaceNotAllowed:
        break;
    }
    return {};
  }

  [[nodiscard]] LimitsInForce limits() const { return {*tenant_, trace_.signer}; }

  // --- what was asked

  [[nodiscard]] std::string asked_signature() const {
    if (!request_.pkcs10) {
      return "what is no PKCS#10 that can be judged";
    }
    switch (facts_.signature) {
      case Pkcs10Facts::Signature::kVerified:
        return "a PKCS#10 whose signature verifies";
      case Pkcs10Facts::Signature::kFailed:
        return "a PKCS#10 whose signature does not verify";
      case Pkcs10Facts::Signature::kNotChecked:
        break;
    }
    return "a PKCS#10 whose signature was not looked at";
  }

  [[nodiscard]] std::string asked_names() const {
    return or_none(joined(facts_.names, [](const SubjectAltName& name) { return in_quotes(name.value); }));
  }

  [[nodiscard]] std::string asked_namespace() const {
    if (is_service()) {
      return "names of a service, which are the signer's tenant's";
    }
    return ns_.empty() ? "no namespace that could be read" : "namespace " + in_quotes(ns_);
  }

  [[nodiscard]] std::string asked_usages() const {
    std::vector<std::string> usages = request_.usages;
    std::ranges::copy_if(facts_.usages, std::back_inserter(usages),
                         [&](const std::string& usage) { return !contains(request_.usages, usage); });
    return or_none(joined(usages));
  }

  [[nodiscard]] std::string asked_duration() const {
    std::string asked = request_.expiration_seconds ? std::to_string(*request_.expiration_seconds) + " s" : "";
    if (request_.annotated_duration) {
      asked += (asked.empty() ? "" : ", ") + in_quotes(*request_.annotated_duration) + " by annotation";
    }
    return asked.empty() ? "no lifetime" : asked;
  }

  // --- what is allowed

  [[nodiscard]] std::string allowed_requesters() const {
    std::string told;
    const auto add = [&told](const std::vector<std::string>& names) {
      if (!names.empty()) {
        told += (told.empty() ? "" : ", ") + joined(names, in_quotes);
      }
    };
    if (for_operator_) {
      add(model_.requesters);
      add(model_.requester_groups);
    } else if (is_listed_for_all()) {
      told = in_quotes(*trace_.requester);
    } else {
      told = "those listed for all tenants";
    }
    if (tenant_ != nullptr) {
      add(tenant_->requesters);
      add(tenant_->requester_groups);
      if (is_service() && !tenant_->services.empty()) {
        told += "; of the names of a service, whom it lists";
      }
    }
    return told;
  }

  [[nodiscard]] bool is_listed_for_all() const {
    return trace_.requester != nullptr &&
           (contains(model_.requesters, *trace_.requester) || contains(model_.requester_groups, *trace_.requester));
  }

  [[nodiscard]] std::string requester_rule(const std::string& tenant) const {
    if (trace_.requester == nullptr) {
      return tenant_ == nullptr ? "requesters" : "requesters, " + tenant + ".requesters";
    }
    if (is_listed_for_all()) {
      return contains(model_.requesters, *trace_.requester) ? "requesters" : "requesterGroups";
    }
    if (tenant_ != nullptr && contains(tenant_->requesters, *trace_.requester)) {
      return tenant + ".requesters";
    }
    const bool by_group = tenant_ != nullptr && contains(tenant_->requester_groups, *trace_.requester);
    return tenant + (by_group ? ".requesterGroups" : ".services[].requesters");
  }

  static std::vector<std::string> service_names(const Tenant& tenant) {
    std::vector<std::string> names = tenant.dns_names;
    for (const PolicyModel::Service& service : tenant.services) {
      names.insert(names.end(), service.dns_names.begin(), service.dns_names.end());
      names.insert(names.end(), service.ip_addresses.begin(), service.ip_addresses.end());
    }
    return names;
  }

  static std::string namespaces_text(const Tenant& tenant) {
    std::string told =
        joined(tenant.namespaces, [](const NamePattern& pattern) { return in_quotes(pattern.written()); });
    if (tenant.namespace_selector) {
      told += std::string(told.empty() ? "" : " and ") + "those that its namespaceSelector selects";
    }
    return or_none(told);
  }

  [[nodiscard]] std::string allowed_service_names() const {
    if (tenant_ != nullptr) {
      return quoted(service_names(*tenant_));
    }
    if (!for_operator_) {
      return "the names that this signer's tenant lists";
    }
    return each_tenant([&](const Tenant& tenant) { return contains(tenant.signers, signer_); },
                       [](const Tenant& tenant) { return tenant.name + ": " + quoted(service_names(tenant)); });
  }

  [[nodiscard]] std::string allowed_namespaces() const {
    if (tenant_ != nullptr) {
      return namespaces_text(*tenant_);
    }
    if (!for_operator_) {
      return "a tenant's namespace";
    }
    return each_tenant([](const Tenant&) { return true; },
                       [](const Tenant& tenant) { return tenant.name + ": " + namespaces_text(tenant); });
  }

  [[nodiscard]] std::string allowed_signers() const {
    std::string told =
        tenant_ == nullptr ? "a tenant's signer" : quoted(signers_of_account(*tenant_, ns_, service_account_));
    if (!model_.routed_signer.empty() && signer_ == model_.routed_signer) {
      told += "; " + in_quotes(signer_) + " is the routed signer, which /mutate replaces by the first of them";
    } else if (for_operator_ && (tenant_ == nullptr || !contains(signers_of_tenant(*tenant_), signer_))) {
      told += "; " + in_quotes(signer_) + " is a signer of " +
              each_tenant([&](const Tenant& tenant) { return contains(signers_of_tenant(tenant), signer_); },
                          &Tenant::name);
    }
    return told;
  }

  template <typename Predicate, typename Text>
  [[nodiscard]] std::string each_tenant(Predicate chosen, Text text) const {
    std::vector<std::string> told;
    for (const Tenant& tenant : model_.tenants) {
      if (chosen(tenant)) {
        told.push_back(std::invoke(text, tenant));
      }
    }
    return told.empty() ? "no tenant" : joined(told);
  }

  // --- the request

  [[nodiscard]] bool is_service() const { return names_a_service(facts_); }

  static std::string_view key_text(KeyType type) { return to_string(type); }
  static std::string_view usage_text(Usage usage) { return to_string(usage); }

  static inline const Pkcs10Facts kNoFacts{};

  const PolicyModel& model_;
  const SigningRequest& request_;
  const Pkcs10Facts& facts_;
  const EvaluationTrace& trace_;
  const Tenant* tenant_;
  bool for_operator_;
  std::string_view signer_;
  // Of the identity that was asked for; empty where it names none.
  std::string ns_;
  std::string service_account_;
};

}  // namespace

std::string_view check_name(Reason check) {
  switch (check) {
    case Reason::kRequestMalformed:
      return "request";
    case Reason::kRequesterNotAllowed:
      return "requester";
    case Reason::kExtensionNotAllowed:
      return "extensions";
    case Reason::kCaRequested:
      return "authority";
    case Reason::kSubjectAltNameNotAllowed:
      return "names";
    case Reason::kIdentityInvalid:
      return "identity";
    case Reason::kNoTenant:
      return "tenant";
    case Reason::kTenantSuspended:
      return "suspension";
    case Reason::kSignerNotAllowed:
      return "signer";
    case Reason::kKeyNotAllowed:
      return "key";
    case Reason::kUsageNotAllowed:
      return "usages";
    case Reason::kDurationTooLong:
      return "longest";
    case Reason::kDurationTooShort:
      return "shortest";
    case Reason::kIssuerNotAllowed:
      return "issuer";
    case Reason::kCertificateNotAllowed:
      return "certificate";
    case Reason::kVariableLocked:
      return "variable";
    case Reason::kNamespaceNotAllowed:
      return "namespace";
  }
  return {};
}

std::string_view to_string(ExplainedCheck::Outcome outcome) {
  switch (outcome) {
    case ExplainedCheck::Outcome::kPassed:
      return "passed";
    case ExplainedCheck::Outcome::kFailed:
      return "failed";
    case ExplainedCheck::Outcome::kNotMade:
      return "not made";
  }
  return {};
}

Explanation explain(const Policy& policy, const SigningRequest& request, const NamespaceLabels& namespaces,
                    Audience audience) {
  EvaluationTrace trace;
  Explanation explanation{.decision = policy.evaluate(request, namespaces, &trace), .checks = {}};
  if (explanation.decision.verdict == Decision::Verdict::kNotOurs) {
    return explanation;
  }
  const Describer describer(policy, request, trace, audience);
  for (const Reason check : kReasons) {
    if (!is_of_requests(check)) {
      break;
    }
    ExplainedCheck told = describer.describe(check);
    for (const Finding& finding : explanation.decision.findings) {
      if (finding.reason == check) {
        told.outcome = ExplainedCheck::Outcome::kFailed;
        told.findings.push_back(finding.message);
        told.mode = finding.mode;
      }
    }
    explanation.checks.push_back(std::move(told));
  }
  return explanation;
}

}  // namespace signet
