#include "tools/signet/reload/access_check.h"

#include <algorithm>
#include <utility>

namespace signet {
namespace {

std::string sentence(const AccessQuestion& question) {
  std::string text = "may not " + question.verb + " " + question.resource;
  if (!question.subresource.empty()) {
    text += "/" + question.subresource;
  }
  text += " of " + (question.group.empty() ? "the core API" : question.group);
  if (!question.name.empty()) {
    text += " named " + question.name;
  }
  if (!question.name_space.empty()) {
    text += " in namespace " + question.name_space;
  }
  return text;
}

constexpr const char* kCertificatesGroup = "certificates.k8s.io";

AccessQuestion on_requests(std::string verb, std::string subresource = {}) {
  return {.verb = std::move(verb),
          .group = kCertificatesGroup,
          .resource = "certificatesigningrequests",
          .subresource = std::move(subresource),
          .name = {},
          .name_space = {}};
}

AccessQuestion on_signer(std::string verb, std::string signer_name) {
  return {.verb = std::move(verb),
          .group = kCertificatesGroup,
          .resource = "signers",
          .subresource = {},
          .name = std::move(signer_name),
          .name_space = {}};
}

AccessQuestion on_core(std::string verb, std::string resource) {
  return {.verb = std::move(verb),
          .group = {},
          .resource = std::move(resource),
          .subresource = {},
          .name = {},
          .name_space = {}};
}

void need_for_signing(const Policy& policy, std::vector<AccessQuestion>& questions) {
  questions = {on_requests("get"), on_requests("list"), on_requests("watch"), on_requests("patch", "status")};
  for (const std::string& signer : policy.signers()) {
    questions.push_back(on_signer("sign", policy.signer_name(signer)));
  }
  bool approves = false;
  for (const PolicyModel::Signer& signer : policy.model().signers) {
    if (signer.approval == PolicyModel::Approval::kAutomatic) {
      questions.push_back(on_signer("approve", policy.signer_name(signer.name)));
      approves = true;
    }
  }
  if (approves) {
    questions.push_back(on_requests("patch", "approval"));
    questions.push_back(on_core("get", "pods"));  // what is approved for an account itself is for a pod that is there
  }
}

}  // namespace

std::vector<AccessQuestion> needed_permissions(const Policy& policy, bool signs) {
  std::vector<AccessQuestion> questions;
  if (signs) {
    need_for_signing(policy, questions);
  }
  if (policy.tenancy().asks_labels()) {
    questions.push_back(on_core("list", "namespaces"));
    questions.push_back(on_core("watch", "namespaces"));
  }
  return questions;
}

std::vector<AccessQuestion> lease_permissions(const std::string& name_space, const std::string& name) {
  std::vector<AccessQuestion> questions;
  // Who creates names no object before it is there: RBAC grants it for all of the namespace.
  for (const auto& [verb, object] :
       {std::pair("get", name), std::pair("patch", name), std::pair("create", std::string())}) {
    questions.push_back({.verb = verb,
                         .group = "coordination.k8s.io",
                         .resource = "leases",
                         .subresource = {},
                         .name = object,
                         .name_space = name_space});
  }
  return questions;
}

std::vector<AccessQuestion> serving_permissions(const ServingPlace& place) {
  std::vector<AccessQuestion> questions;
  for (const char* const verb : {"get", "patch"}) {
    AccessQuestion on_secret = on_core(verb, "secrets");
    on_secret.name = place.secret;
    on_secret.name_space = place.name_space;
    questions.push_back(std::move(on_secret));
    for (const char* const resource : {"validatingwebhookconfigurations", "mutatingwebhookconfigurations"}) {
      questions.push_back({.verb = verb,
                           .group = "admissionregistration.k8s.io",
                           .resource = resource,
                           .subresource = {},
                           .name = kWebhookConfiguration,
                           .name_space = {}});
    }
  }
  return questions;
}

KubeResult<std::vector<std::string>> missing_permissions(KubeApi& api, const std::string& self,
                                                         const std::vector<AccessQuestion>& questions) {
  // What they do not grant is asked for by itself: an API server need not enumerate, nor let us ask it to.
  const std::vector<AccessRule> rules = api.what_may_i().value_or(std::vector<AccessRule>());
  std::vector<std::string> missing;
  for (const AccessQuestion& question : questions) {
    if (std::ranges::any_of(rules, [&](const AccessRule& rule) { return rule.grants(question); })) {
      continue;
    }
    const KubeResult<bool> allowed = api.may_i(question);
    if (!allowed) {
      return tl::unexpected(allowed.error());
    }
    if (!*allowed) {
      missing.push_back(self + " " + sentence(question) + "; a " +
                        (question.name_space.empty() ? "ClusterRole" : "Role") + " must grant it");
    }
  }
  return missing;
}

}  // namespace signet
