#include "tools/signet/render/webhook_manifests.h"

#include <algorithm>
#include <iterator>
#include <string_view>
#include <utility>
#include <vector>

#include "policy/kubernetes_names.h"
#include "signer/kube/base64.h"
#include "tools/signet/render/admission_scope.h"
#include "tools/signet/render/cel.h"

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
  return target.ca_bundle.empty() ? yaml : yaml + "    caBundle: " + base64_encode(target.ca_bundle) + "\n";
}

// One entry of `webhooks`.
struct Webhook {
  std::string name;  // without ".validate.signet" or ".mutate.signet"
  AdmissionRule rule;
  NamespaceNames namespaces;
  std::vector<MatchCondition> conditions;
  std::string_view failure_policy;
};

std::string webhook_yaml(const Webhook& webhook, std::string_view verb, const WebhookTarget& target) {
  std::string yaml = "- name: " + webhook.name + "." + std::string(verb) + ".signet\n";
  yaml += client_config(target, "/" + std::string(verb));
  yaml += "  rules:\n" + rule_yaml(webhook.rule, 2);
  if (!webhook.namespaces.names.empty()) {
    yaml += namespace_selector_yaml(webhook.namespaces, 2);
  }
  yaml += match_conditions_yaml(webhook.conditions, 2);
  yaml += "  failurePolicy: " + std::string(webhook.failure_policy) +
          "\n  matchPolicy: Equivalent\n  sideEffects: None\n  timeoutSeconds: 3\n"
          "  admissionReviewVersions: [v1]\n";
  return yaml;
}

std::string configuration(std::string_view kind, std::string_view verb, const WebhookTarget& target,
                          const std::vector<Webhook>& webhooks) {
  std::string yaml = "apiVersion: admissionregistration.k8s.io/v1\nkind: " + std::string(kind) +
                     "\nmetadata:\n  name: signet\nwebhooks:\n";
  for (const Webhook& webhook : webhooks) {
    yaml += webhook_yaml(webhook, verb, target);
  }
  return yaml;
}

// What makes a namespace a tenant's, or another's: CREATE with such a name or label, and an UPDATE of such a label.
std::string changes_whose_it_is(const Policy& policy) {
  using Operator = LabelSelector::Operator;
  bool without_any_label = false;  // some tenant has namespaces that lack a label, whatever their name
  std::vector<std::string> names;
  for (const PolicyModel::Tenant& tenant : policy.model().tenants) {
    if (!tenant.namespace_selector) {
      continue;
    }
    const std::vector<LabelSelector::Requirement>& requirements = tenant.namespace_selector->requirements;
    const bool needs_a_label = std::ranges::any_of(requirements, [](const LabelSelector::Requirement& requirement) {
      return requirement.key != kNamespaceNameLabel &&
             (requirement.op == Operator::kIn || requirement.op == Operator::kExists);
    });
    const auto named = std::ranges::find_if(requirements, [](const LabelSelector::Requirement& requirement) {
      return requirement.key == kNamespaceNameLabel && requirement.op == Operator::kIn;
    });
    if (!needs_a_label && named != requirements.end()) {
      names.insert(names.end(), named->values.begin(), named->values.end());
    } else if (!needs_a_label) {
      without_any_label = true;
    }
  }
  const std::vector<std::string>& keys = policy.tenancy().deciding_labels();
  const std::string listed = cel_list(keys);
  const bool any_label = listed.size() > kMaxCelKeysBytes;
  const auto is_a_tenants = cel_is_a_tenants_name(policy, "object.metadata.name", names, kMaxCelNamesBytes);
  std::string condition = "request.operation == \"CREATE\"";
  if (!without_any_label && !any_label && is_a_tenants) {
    condition += " && (" + *is_a_tenants + ")";
  }
  if (any_label) {
    condition += " || object.metadata.?labels != oldObject.metadata.?labels";
  } else if (!keys.empty()) {
    condition += " || " + listed +
                 ".exists(k, object.metadata.?labels[?k] != (request.operation == \"CREATE\" ? optional.none() : "
                 "oldObject.metadata.?labels[?k]))";
  }
  return condition;
}

// Namespaces that somebody makes a tenant's who is no admin. Fails closed, so it is asked of nothing else: nobody's
// namespace, and no other label, waits for us. Nor does the API server, which makes kube-system and its like.
Webhook namespaces(const Policy& policy) {
  const auto by_group = [](const std::string& test) { return "has(request.userInfo.groups) && " + test; };
  return {.name = "namespaces",
          .rule = {"", "v1", "CREATE, UPDATE", "namespaces, namespaces/status, namespaces/finalize", "Cluster"},
          .namespaces = {},
          .conditions = {{"not-by-an-admin", "!(" +
                                                 by_group("request.userInfo.groups.exists(g, g in " +
                                                          cel_list(policy.model().namespace_admins) + ")") +
                                                 ")"},
                         {"not-by-the-api-server", "!(request.userInfo.username == \"system:apiserver\" && " +
                                                       by_group("\"system:masters\" in request.userInfo.groups") + ")"},
                         {"changes-whose-it-is", changes_whose_it_is(policy)}},
          .failure_policy = "Fail"};
}

Webhook signing_requests(const Policy& policy, std::string_view operations, std::string_view resources) {
  return {
      .name = "certificatesigningrequests",
      .rule = {"certificates.k8s.io", "v1", operations, resources, "Cluster"},
      .namespaces = {},
      .conditions = {{"our-signer-domain", "object.spec.signerName.startsWith(\"" + policy.signer_name("") + "\")"}},
      .failure_policy = "Fail"};
}

Webhook proxy_configs(TenantScope scope) {
  return {.name = "proxyconfigs",
          .rule = kProxyConfigsWritten,
          .namespaces = std::move(scope.namespaces),
          .conditions = std::move(scope.conditions),
          .failure_policy = "Ignore"};
}

Webhook pods(const Policy& policy, TenantScope scope) {
  scope.conditions.push_back(configures_its_proxy(policy));
  return {.name = "pods",
          .rule = kPodsCreated,
          .namespaces = std::move(scope.namespaces),
          .conditions = std::move(scope.conditions),
          .failure_policy = "Ignore"};
}

// CertificateRequests of cert-manager.io/v1 whose issuerRef names one of our signers: issuers of every other name must
// work without us, and so must an update that leaves the spec as it is. As many webhooks as it takes to name them all;
// none where our domain is not one that cert-manager's issuers have as signers
// (https://cert-manager.io/docs/usage/kube-csr/: clusterissuers.<group>/<name>, issuers.<group>/<namespace>.<name>).
std::vector<Webhook> issuer_requests(const Policy& policy) {
  const std::string_view domain = policy.model().signer_domain;
  const std::size_t dot = domain.find('.');
  const std::string_view scope = domain.substr(0, dot);
  if (scope != "clusterissuers" && scope != "issuers") {
    return {};
  }
  const std::string group(domain.substr(dot + 1));
  const std::string reference = "object.spec.issuerRef.";
  // What is absent means Issuer and cert-manager's own group.
  std::string of_group = "has(" + reference + "group) && " + reference + "group == \"" + group + "\"";
  if (group == "cert-manager.io") {
    of_group = "!has(" + reference + "group) || " + reference + "group in [\"\", \"" + group + "\"]";
  }
  const std::string of_cluster = "has(" + reference + "kind) && " + reference + "kind == \"ClusterIssuer\"";
  const bool cluster = scope == "clusterissuers";
  const std::string name = cluster ? reference + "name" : "(request.namespace + \".\" + " + reference + "name)";

  std::vector<Webhook> webhooks;
  const auto add = [&](const std::string& names) {
    const std::string suffix = webhooks.empty() ? "" : "-" + std::to_string(webhooks.size() + 1);
    webhooks.push_back(
        {.name = "certificaterequests" + suffix,
         .rule = {"cert-manager.io", "v1", "CREATE, UPDATE", "certificaterequests", "Namespaced"},
         .namespaces = {},
         .conditions = {{"spec-is-written", "request.operation == \"CREATE\" || object.spec != oldObject.spec"},
                        {"issuer-kind", cluster ? of_cluster : "!(" + of_cluster + ")"},
                        {"issuer-group", of_group},
                        {"issuer-is-our-signer", name + " in [" + names + "]"}},
         .failure_policy = "Fail"});
  };
  std::vector<std::string> signers = policy.signers();
  for (const std::string& signer : {policy.model().routed_signer, policy.model().default_signer}) {
    if (!signer.empty() && std::ranges::find(signers, signer) == signers.end()) {
      signers.push_back(signer);
    }
  }
  std::string names;
  for (const std::string& signer : signers) {
    if (names.size() + signer.size() > kMaxCelNamesBytes) {
      add(std::exchange(names, ""));
    }
    names += (names.empty() ? "\"" : ", \"") + signer + "\"";
  }
  add(names);
  return webhooks;
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
  if (!target.ca_bundle.empty() && (target.ca_bundle.find("-----BEGIN CERTIFICATE-----") == std::string::npos ||
                                    target.ca_bundle.find("PRIVATE KEY") != std::string::npos)) {
    return tl::unexpected<std::string>("--ca-bundle must be PEM certificates and nothing else");
  }
  if (!target.account.starts_with(kServiceAccountPrefix) ||
      !is_namespaced(std::string_view(target.account).substr(kServiceAccountPrefix.size()), ':')) {
    return tl::unexpected("--account must be system:serviceaccount:NAMESPACE:NAME, not \"" + target.account + "\"");
  }
  const std::string_view account = std::string_view(target.account).substr(kServiceAccountPrefix.size());
  const std::string_view own = account.substr(0, account.find(':'));
  const TenantScope tenants = tenant_scope(policy, own, false);

  Webhook guarded = signing_requests(policy, "CREATE, UPDATE",
                                     "certificatesigningrequests, certificatesigningrequests/approval, "
                                     "certificatesigningrequests/status");
  guarded.conditions.push_back(
      {"not-our-own-status",
       "!(has(request.subResource) && request.subResource == \"status\" && request.userInfo.username == \"" +
           target.account + "\")"});
  std::vector<Webhook> validating = {std::move(guarded), proxy_configs(tenant_scope(policy, own, true))};
  std::vector<Webhook> mutating = {signing_requests(policy, "CREATE", "certificatesigningrequests")};
  if (!tenants.namespaces.names.empty()) {
    validating.push_back(pods(policy, tenants));
    mutating.push_back(proxy_configs(tenants));
  }
  std::ranges::move(issuer_requests(policy), std::back_inserter(validating));
  if (!policy.model().namespace_admins.empty()) {
    validating.push_back(namespaces(policy));
  }
  return configuration("ValidatingWebhookConfiguration", "validate", target, validating) + "---\n" +
         configuration("MutatingWebhookConfiguration", "mutate", target, mutating);
}

}  // namespace signet
