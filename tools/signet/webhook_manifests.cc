#include "tools/signet/webhook_manifests.h"

#include <string_view>

#include "policy/kubernetes_names.h"
#include "signer/kube/base64.h"

namespace signet {
namespace {

// "NAMESPACE<separator>NAME" of valid names.
bool is_namespaced(std::string_view text, char separator) {
  const std::size_t at = text.find(separator);
  return at != std::string_view::npos && is_dns_label(text.substr(0, at)) && is_dns_subdomain(text.substr(at + 1));
}

bool is_https_origin(std::string_view url) {
  constexpr std::string_view kScheme = "https://";
  if (!url.starts_with(kScheme) || url.size() == kScheme.size()) {
    return false;
  }
  constexpr std::string_view kHostBytes = "abcdefghijklmnopqrstuvwxyz0123456789.-:[]";
  return url.substr(kScheme.size()).find_first_not_of(kHostBytes) == std::string_view::npos;
}

std::string client_config(const WebhookTarget& target, std::string_view path) {
  std::string yaml = "  clientConfig:\n";
  if (!target.url.empty()) {
    yaml += "    url: \"" + target.url + std::string(path) + "\"\n";
  } else {
    const std::size_t slash = target.service.find('/');
    yaml += "    service:\n      namespace: \"" + target.service.substr(0, slash) + "\"\n      name: \"" +
            target.service.substr(slash + 1) + "\"\n      port: 443\n      path: " + std::string(path) + "\n";
  }
  return yaml + "    caBundle: " + base64_encode(target.ca_bundle) + "\n";
}

// `more_conditions` are CEL match conditions beside the one on the signer domain.
std::string configuration(std::string_view kind, std::string_view verb, const Policy& policy,
                          const WebhookTarget& target, std::string_view operations, std::string_view resources,
                          std::string_view more_conditions) {
  std::string yaml = "apiVersion: admissionregistration.k8s.io/v1\nkind: " + std::string(kind) +
                     "\nmetadata:\n  name: signet\nwebhooks:\n- name: certificatesigningrequests." + std::string(verb) +
                     ".signet\n";
  yaml += client_config(target, "/" + std::string(verb));
  yaml += "  rules:\n  - apiGroups: [certificates.k8s.io]\n    apiVersions: [v1]\n    operations: [" +
          std::string(operations) + "]\n    resources: [" + std::string(resources) + "]\n    scope: Cluster\n";
  yaml += "  matchConditions:\n  - name: our-signer-domain\n    expression: 'object.spec.signerName.startsWith(\"" +
          policy.signer_name("") + "\")'\n" + std::string(more_conditions);
  yaml +=
      "  failurePolicy: Fail\n  matchPolicy: Equivalent\n  sideEffects: None\n  timeoutSeconds: 3\n"
      "  admissionReviewVersions: [v1]\n";
  return yaml;
}

}  // namespace

tl::expected<std::string, std::string> render_webhooks(const Policy& policy, const WebhookTarget& target) {
  if (!target.url.empty() && !is_https_origin(target.url)) {
    return tl::unexpected("--url must be https://HOST[:PORT] in lower case, without a path, not \"" + target.url +
                          "\"");
  }
  if (target.url.empty() && !is_namespaced(target.service, '/')) {
    return tl::unexpected("--service must be NAMESPACE/NAME, not \"" + target.service + "\"");
  }
  if (target.ca_bundle.find("-----BEGIN CERTIFICATE-----") == std::string::npos ||
      target.ca_bundle.find("PRIVATE KEY") != std::string::npos) {
    return tl::unexpected<std::string>("--ca-bundle must be PEM certificates and nothing else");
  }
  if (!target.account.starts_with(kServiceAccountPrefix) ||
      !is_namespaced(std::string_view(target.account).substr(kServiceAccountPrefix.size()), ':')) {
    return tl::unexpected("--account must be system:serviceaccount:NAMESPACE:NAME, not \"" + target.account + "\"");
  }
  const std::string own_status =
      "  - name: not-our-own-status\n    expression: '!(has(request.subResource) && request.subResource == \"status\" "
      "&& "
      "request.userInfo.username == \"" +
      target.account + "\")'\n";
  return configuration("ValidatingWebhookConfiguration", "validate", policy, target, "CREATE, UPDATE",
                       "certificatesigningrequests, certificatesigningrequests/approval, "
                       "certificatesigningrequests/status",
                       own_status) +
         "---\n" +
         configuration("MutatingWebhookConfiguration", "mutate", policy, target, "CREATE", "certificatesigningrequests",
                       "");
}

}  // namespace signet
