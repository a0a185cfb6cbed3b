#include "policy/requester_check.h"

#include <algorithm>
#include <utility>

#include "policy/kubernetes_names.h"
#include "policy/policy_language.h"
#include "policy/quoting.h"

namespace signet {
namespace {

bool is_in_group(const SigningRequest& request, const std::string& group) {
  return std::ranges::find(request.requester_groups, group) != request.requester_groups.end();
}

// The service account that an identity names, by exact user name and group (never one without the other: a user name
// alone can be had from any authenticator).
bool is_service_account_of(const SpiffeId& id, const SigningRequest& request) {
  std::string username(kServiceAccountPrefix);
  username.append(id.ns()).append(":").append(id.service_account());
  std::string group(kServiceAccountsGroupPrefix);
  group.append(id.ns());
  return request.requester == username && is_in_group(request, group);
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
  const auto group = std::ranges::find_if(groups, [&](const std::string& name) { return is_in_group(request, name); });
  return group == groups.end() ? nullptr : &*group;
}

const std::string* self_of(const std::vector<std::string>& requesters) {
  const auto self = std::ranges::find(requesters, kSelfRequester);
  return self == requesters.end() ? nullptr : &*self;
}

// Of those who may ask for all or for the tenant: a name before `self`.
const std::string* listed_for_tenant(const PolicyModel& model, const SigningRequest& request,
                                     const RequestSubject& subject) {
  const PolicyModel::Tenant* const tenant = subject.tenant;
  const std::string* listed = listed_name(request, model.requesters, model.requester_groups);
  if (listed == nullptr && tenant != nullptr) {
    listed = listed_name(request, tenant->requesters, tenant->requester_groups);
  }
  if (listed != nullptr || !subject.id || !is_service_account_of(*subject.id, request)) {
    return listed;
  }
  const std::string* const for_all = self_of(model.requesters);
  return for_all != nullptr || tenant == nullptr ? for_all : self_of(tenant->requesters);
}

}  // namespace

CheckedRequester check_requester(const PolicyModel& model, const SigningRequest& request,
                                 const RequestSubject& subject) {
  const std::string rule = subject.tenant == nullptr ? "" : "tenants[" + subject.tenant->name + "].";
  const auto refused = [&](const std::string& lists) {
    return CheckedRequester{
        .listed = nullptr,
        .finding = Finding{Reason::kRequesterNotAllowed,
                           in_quotes(request.requester) + " may not ask for " +
                               in_quotes(request.pkcs10 ? joined(request.pkcs10->names, &SubjectAltName::value) : "") +
                               "; allowed are the accounts listed in " + lists}};
  };
  const std::string* listed = nullptr;
  for (const PolicyModel::Service* const service : subject.services) {
    listed = listed_name(request, service->requesters, service->requester_groups);
    if (listed == nullptr) {
      return refused(rule + "services[].requesters");
    }
  }
  if (subject.services.empty() || subject.names_of_all_requesters) {
    listed = listed_for_tenant(model, request, subject);
    if (listed == nullptr) {
      return refused(rule.empty() ? "requesters" : "requesters and " + rule + "requesters");
    }
  }
  return {.listed = listed, .finding = std::nullopt};
}

}  // namespace signet
