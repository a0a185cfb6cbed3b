#include "policy/check_descriptions.h"

#include <algorithm>
#include <functional>
#include <memory>
#include <set>
#include <utility>

#include "policy/asked_text.h"
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

bool stands_in(const std::vector<std::string>& list, const std::string* entry) {
  return std::ranges::any_of(list, [entry](const std::string& name) { return &name == entry; });
}

// Describes what would pass each check. Whether it did pass is the evaluation's word alone.
class Describer {
 public:
  Describer(const Policy& policy, const SigningRequest& request, const NamespaceLabels& namespaces,
            const EvaluationTrace& trace, Audience audience)
      : policy_(policy),
        model_(policy.model()),
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
    if (policy.tenancy().asks_labels() && policy.tenancy().owner_by_name(ns_).kind == Tenancy::Owner::Kind::kNobody) {
      by_labels_ = true;
      labels_ = namespaces.find(ns_);
    }
    if (is_service() && tenant_ != nullptr) {
      for (const SubjectAltName& name : facts_.names) {
        if (const auto owner = policy.service_names().owner_of(name); owner && owner->service) {
          services_.insert(&tenant_->services[*owner->service]);
        }
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
    return asked_text(check, policy_, request_, tenant_) +
           (check == Reason::kNoTenant && !ns_.empty() && by_labels_ ? asked_labels() : "");
  }

  // Those that decide; to a tenant no more of them than its own selector asks for.
  [[nodiscard]] std::string asked_labels() const {
    if (labels_ == nullptr) {
      return ", whose labels are not known";
    }
    std::set<std::string> keys;
    if (for_operator_) {
      keys.insert(policy_.tenancy().deciding_labels().begin(), policy_.tenancy().deciding_labels().end());
    } else if (tenant_ != nullptr && tenant_->namespace_selector) {
      for (const LabelSelector::Requirement& requirement : tenant_->namespace_selector->requirements) {
        keys.insert(requirement.key);
      }
    }
    std::vector<std::string> told;
    for (const auto& [key, value] : *labels_) {
      if (keys.contains(key)) {
        told.push_back(key + "=" + value);
      }
    }
    return told.empty() ? "" : ", labelled " + joined(told, in_quotes);
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
        return to_string(limits().max_duration()) + " at most; a longer one is " + out_of_bounds();
      case Reason::kDurationTooShort:
        return to_string(limits().min_duration()) + " at least; a shorter one is " + out_of_bounds();
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
        return namespace_rule(tenant);
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

  // --- what is allowed

  [[nodiscard]] std::string out_of_bounds() const { return limits().clamps() ? "clamped at CREATE" : "refused"; }

  [[nodiscard]] std::string namespace_rule(const std::string& tenant) const {
    if (tenant_ == nullptr) {
      return tenant + ".namespaces" + (policy_.tenancy().asks_labels() ? ", " + tenant + ".namespaceSelector" : "");
    }
    return tenant + (by_labels_ ? ".namespaceSelector" : ".namespaces");
  }

  // Of names that only some may ask for: those whom each service lists.
  [[nodiscard]] std::string allowed_requesters() const {
    std::string told;
    const auto add = [&told](const std::vector<std::string>& names) {
      if (!names.empty()) {
        told += (told.empty() ? "" : ", ") + joined(names, in_quotes);
      }
    };
    if (!services_.empty()) {
      for (const PolicyModel::Service* const service : services_) {
        add(service->requesters);
        add(service->requester_groups);
      }
      return told + (names_of_all_requesters() ? "; for the other names, whoever may ask for the tenant" : "");
    }
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
    }
    return told;
  }

  [[nodiscard]] bool names_of_all_requesters() const {
    return std::ranges::any_of(facts_.names, [&](const SubjectAltName& name) {
      const auto owner = policy_.service_names().owner_of(name);
      return owner && !owner->service;
    });
  }

  [[nodiscard]] bool is_listed_for_all() const {
    return stands_in(model_.requesters, trace_.requester) || stands_in(model_.requester_groups, trace_.requester);
  }

  [[nodiscard]] std::string requester_rule(const std::string& tenant) const {
    const std::string of_services = tenant + ".services[].requesters, " + tenant + ".services[].requesterGroups";
    if (!services_.empty()) {
      return of_services;
    }
    if (stands_in(model_.requester_groups, trace_.requester)) {
      return "requesterGroups";
    }
    if (stands_in(model_.requesters, trace_.requester) || (trace_.requester == nullptr && tenant_ == nullptr)) {
      return "requesters";
    }
    if (trace_.requester == nullptr) {
      return "requesters, " + tenant + ".requesters";
    }
    return tenant + (stands_in(tenant_->requesters, trace_.requester) ? ".requesters" : ".requesterGroups");
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
      told += (told.empty() ? "" : " and ") + std::string("those labelled ") +
              in_quotes(to_string(*tenant.namespace_selector));
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

  const Policy& policy_;
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
  bool by_labels_ = false;                          // whether the labels decide whose the namespace is
  std::shared_ptr<const Labels> labels_;            // if they do; null where they are not known
  std::set<const PolicyModel::Service*> services_;  // of the names that only some may ask for
};

}  // namespace

std::vector<ExplainedCheck> describe_checks(const Policy& policy, const SigningRequest& request,
                                            const NamespaceLabels& namespaces, const EvaluationTrace& trace,
                                            Audience audience) {
  const Describer describer(policy, request, namespaces, trace, audience);
  std::vector<ExplainedCheck> told;
  for (const Reason check : kReasons) {
    if (is_of_requests(check)) {
      told.push_back(describer.describe(check));
    }
  }
  return told;
}

}  // namespace signet
