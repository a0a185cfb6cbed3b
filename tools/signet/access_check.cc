#include "tools/signet/access_check.h"

namespace signet {
namespace {

std::string sentence(const AccessQuestion& question) {
  std::string text = "may not " + question.verb + " " + question.resource;
  if (!question.subresource.empty()) {
    text += "/" + question.subresource;
  }
  text += " of " + question.group;
  if (!question.name.empty()) {
    text += " named " + question.name;
  }
  return text;
}

AccessQuestion on_requests(std::string verb, std::string subresource = {}) {
  return {.verb = std::move(verb),
          .group = "certificates.k8s.io",
          .resource = "certificatesigningrequests",
          .subresource = std::move(subresource),
          .name = {},
          .name_space = {}};
}

}  // namespace

KubeResult<std::vector<std::string>> missing_permissions(KubeApi& api, const std::string& self,
                                                         const SignerNames& signers) {
  std::vector<AccessQuestion> questions = {on_requests("get"), on_requests("list"), on_requests("watch"),
                                           on_requests("patch", "status")};
  for (const std::string& signer : signers) {
    questions.push_back({.verb = "sign",
                         .group = "certificates.k8s.io",
                         .resource = "signers",
                         .subresource = {},
                         .name = signer,
                         .name_space = {}});
  }
  std::vector<std::string> missing;
  for (const AccessQuestion& question : questions) {
    const KubeResult<bool> allowed = api.may_i(question);
    if (!allowed) {
      return tl::unexpected(allowed.error());
    }
    if (!*allowed) {
      missing.push_back(self + " " + sentence(question) + "; a ClusterRole must grant it");
    }
  }
  return missing;
}

}  // namespace signet
