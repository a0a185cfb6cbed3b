#include "policy/request_sketch.h"

#include "policy/kubernetes_names.h"
#include "policy/policy_language.h"
#include "policy/spiffe_id.h"

namespace signet {
namespace {

std::string requester_of(const RequestSketch& sketch, const Policy& policy) {
  const std::string& requester = sketch.requester.empty() ? policy.model().requesters.front() : sketch.requester;
  if (requester == kSelfRequester) {
    if (const auto id = SpiffeId::parse(sketch.identity)) {
      return std::string(kServiceAccountPrefix) + std::string(id->ns()) + ":" + std::string(id->service_account());
    }
  }
  return requester;
}

// https://kubernetes.io/docs/reference/access-authn-authz/authentication/#service-account-tokens
std::vector<std::string> groups_of(std::string_view requester) {
  if (!requester.starts_with(kServiceAccountPrefix)) {
    return {};
  }
  const std::string_view account = requester.substr(kServiceAccountPrefix.size());
  return {"system:serviceaccounts",
          std::string(kServiceAccountsGroupPrefix) + std::string(account.substr(0, account.find(':'))),
          "system:authenticated"};
}

}  // namespace

std::shared_ptr<const Labels> SketchedNamespace::find(std::string_view ns) const {
  if (!labels_) {
    return nullptr;
  }
  auto labels = std::make_shared<Labels>(*labels_);
  labels->insert_or_assign(std::string(kNamespaceNameLabel), ns);
  return labels;
}

SigningRequest sketched_request(const RequestSketch& sketch, const Policy& policy) {
  using Type = SubjectAltName::Type;
  Pkcs10Facts facts;
  facts.key_type = key_type_named(sketch.key);
  facts.key_name = sketch.key;
  facts.signature = facts.key_type ? Pkcs10Facts::Signature::kVerified : Pkcs10Facts::Signature::kNotChecked;
  facts.subject_alt_name_extensions = 1;
  if (!sketch.identity.empty()) {
    facts.names.push_back({Type::kUri, sketch.identity});
  }
  for (const std::string& name : sketch.dns_names) {
    facts.names.push_back({Type::kDns, name});
  }
  for (const std::string& address : sketch.ip_addresses) {
    facts.names.push_back({Type::kIp, address});
  }

  SigningRequest request;
  const bool whole = sketch.signer.find('/') != std::string::npos;
  request.signer_name = whole ? sketch.signer : policy.signer_name(sketch.signer);
  request.requester = requester_of(sketch, policy);
  request.requester_groups = sketch.groups.empty() ? groups_of(request.requester) : sketch.groups;
  request.usages = sketch.usages;
  if (sketch.duration) {
    request.expiration_seconds = sketch.duration->count();
  }
  request.pkcs10 = std::move(facts);
  if (sketch.mutate) {
    const Policy::Adjustment adjustment = policy.adjust(request, SketchedNamespace(sketch));
    request.signer_name = adjustment.signer_name.value_or(request.signer_name);
    if (adjustment.expiration_seconds) {
      request.expiration_seconds = adjustment.expiration_seconds;
    }
  }
  return request;
}

}  // namespace signet
