#include "policy/request_subject.h"

#include <algorithm>
#include <string>
#include <utility>

#include "policy/quoting.h"

namespace signet {
namespace {

using Type = SubjectAltName::Type;

template <typename Range, typename Value>
bool contains(const Range& range, const Value& value) {
  return std::ranges::find(range, value) != std::ranges::end(range);
}

std::string no_tenant(std::string_view ns, Tenancy::Owner::Kind kind, bool by_labels) {
  std::string told = "namespace " + in_quotes(ns);
  switch (kind) {
    case Tenancy::Owner::Kind::kTenant:
    case Tenancy::Owner::Kind::kNobody:
      told += std::string(" belongs to no tenant (tenants[].namespaces") +
              (by_labels ? ", tenants[].namespaceSelector)" : ")");
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

void find_workload(const Policy& policy, const std::string& uri, const NamespaceLabels& namespaces,
                   RequestSubject& subject) {
  subject.made.add(Reason::kIdentityInvalid);
  tl::expected<SpiffeId, std::string> id = SpiffeId::parse(uri);
  if (!id) {
    subject.findings.push_back(
        {Reason::kIdentityInvalid, in_quotes(uri) + " is not an identity of this mesh: " + id.error()});
    return;
  }
  const PolicyModel& model = policy.model();
  if (!contains(model.trust_domains, id->trust_domain())) {
    subject.findings.push_back({Reason::kIdentityInvalid, in_quotes(uri) + " is of trust domain " +
                                                              in_quotes(id->trust_domain()) + "; ours are " +
                                                              joined(model.trust_domains) + " (trustDomains)"});
    return;
  }
  subject.made.add(Reason::kNoTenant);
  const Tenancy::Owner owner = policy.tenancy().owner_of(id->ns(), namespaces);
  if (owner.kind == Tenancy::Owner::Kind::kTenant) {
    subject.tenant = &model.tenants[owner.tenant];
  } else {
    subject.findings.push_back({Reason::kNoTenant, no_tenant(id->ns(), owner.kind, policy.tenancy().asks_labels())});
    subject.undecided = owner.kind == Tenancy::Owner::Kind::kUnknown;
  }
  subject.id = *std::move(id);
}

void find_service(const Policy& policy, const std::vector<SubjectAltName>& names, std::string_view signer,
                  RequestSubject& subject) {
  std::vector<std::string_view> unlisted;
  for (auto name = names.begin(); name != names.end(); ++name) {
    const std::optional<ServiceNames::Owner> owner = policy.service_names().owner_of(*name);
    const PolicyModel::Tenant* const tenant = owner ? &policy.model().tenants[owner->tenant] : nullptr;
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
    subject.services.clear();
    subject.names_of_all_requesters = false;
    subject.findings.push_back({Reason::kSubjectAltNameNotAllowed,
                                "asked for " + joined(unlisted, in_quotes) + " from signer " + in_quotes(signer) +
                                    "; allowed are the names that this signer's tenant lists "
                                    "(tenants[].dnsNames, tenants[].services)"});
  }
}

}  // namespace

RequestSubject subject_of(const Policy& policy, const Pkcs10Facts& facts, std::string_view signer,
                          const NamespaceLabels& namespaces) {
  RequestSubject subject;
  subject.made.add(Reason::kSubjectAltNameNotAllowed);
  if (facts.subject_alt_name_extensions != 1 || facts.names.empty()) {
    subject.findings.push_back({Reason::kSubjectAltNameNotAllowed,
                                "asked with " + std::to_string(facts.subject_alt_name_extensions) +
                                    " subject alternative name extensions and " + std::to_string(facts.names.size()) +
                                    " names; exactly one extension that names one identity is allowed"});
  } else if (facts.names.size() == 1 && facts.names.front().type == Type::kUri) {
    find_workload(policy, facts.names.front().value, namespaces, subject);
  } else if (!names_a_service(facts)) {
    subject.findings.push_back(
        {Reason::kSubjectAltNameNotAllowed,
         "asked for " + joined(facts.names, [](const SubjectAltName& name) { return in_quotes(name.value); }) +
             "; allowed is exactly one SPIFFE URI and no other name, or DNS names and IP addresses only"});
  } else if (policy.has_signer(signer)) {
    find_service(policy, facts.names, signer, subject);
  } else {
    subject.made = {};  // nobody's signer has nobody's names: the signer is the finding
  }
  return subject;
}

}  // namespace signet
