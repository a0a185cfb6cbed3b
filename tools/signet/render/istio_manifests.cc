#include "tools/signet/render/istio_manifests.h"

#include <algorithm>
#include <set>
#include <sstream>
#include <unordered_map>

#include "policy/signer_choice.h"

namespace signet {
namespace {

// A scalar that no YAML reader takes for anything but text. What a policy names holds no character that would need an
// escape.
std::string text(std::string_view name) { return "\"" + std::string(name) + "\""; }

std::string indented(std::string_view lines, std::size_t columns) {
  std::istringstream in{std::string(lines)};
  std::string out;
  for (std::string line; std::getline(in, line);) {
    out += std::string(columns, ' ') + line + "\n";
  }
  return out;
}

std::string items(const std::vector<std::string>& values) {
  std::string yaml;
  for (const std::string& value : values) {
    yaml += "- " + text(value) + "\n";
  }
  return yaml;
}

std::vector<std::string> signer_names(const Policy& policy) {
  std::vector<std::string> names;
  for (const std::string& signer : policy.signers()) {
    names.push_back(policy.signer_name(signer));
  }
  return names;
}

bool is_whole_name(const NamePattern& pattern) { return pattern.kind() == NamePattern::Kind::kExact; }

std::string variable(std::string_view name, const std::string& value) {
  return "- name: " + std::string(name) + "\n  value: " + text(value) + "\n";
}

// What istiod asks for itself, and where workloads that name no signer end up.
std::string istiod_environment(const Policy& policy) {
  const PolicyModel& model = policy.model();
  std::string yaml = variable("CERT_SIGNER_DOMAIN", model.signer_domain);
  if (!model.default_signer.empty()) {
    yaml += variable("PILOT_CERT_PROVIDER", "k8s.io/" + policy.signer_name(model.default_signer));
  }
  if (!model.routed_signer.empty()) {
    yaml += variable("K8S_SIGNER", policy.signer_name(model.routed_signer));
  }
  return yaml;
}

}  // namespace

std::string render_proxy_configs(const Policy& policy, const KnownNamespaces& namespaces) {
  std::unordered_map<const PolicyModel::Tenant*, std::set<std::string_view>> names;
  for (const PolicyModel::Tenant& tenant : policy.model().tenants) {
    for (const NamePattern& pattern : tenant.namespaces) {
      if (is_whole_name(pattern)) {
        names[&tenant].insert(pattern.text());
      }
    }
  }
  for (const auto& [ns, labels] : namespaces.all()) {
    if (const PolicyModel::Tenant* const tenant = policy.tenant_of_namespace(ns, namespaces)) {
      names[tenant].insert(ns);
    }
  }
  std::string yaml;
  for (const PolicyModel::Tenant& tenant : policy.model().tenants) {
    for (const std::string_view ns : names[&tenant]) {
      if (ns == policy.model().root_namespace) {
        continue;
      }
      yaml += (yaml.empty() ? "" : "---\n") +
              std::string("apiVersion: networking.istio.io/v1beta1\nkind: ProxyConfig\n") +
              "metadata:\n  name: " + text(std::string(ns) + "pc") + "\n  namespace: " + text(ns) +
              "\nspec:\n  environmentVariables:\n    " + std::string(kCertSignerVariable) + ": " +
              text(tenant.signers.front()) + "\n";
    }
  }
  return yaml;
}

std::vector<std::string_view> tenants_by_pattern_or_label(const Policy& policy) {
  std::vector<std::string_view> names;
  for (const PolicyModel::Tenant& tenant : policy.model().tenants) {
    if (tenant.namespace_selector || !std::ranges::all_of(tenant.namespaces, is_whole_name)) {
      names.push_back(tenant.name);
    }
  }
  return names;
}

std::string render_mesh_config(const Policy& policy, const CaStates& cas) {
  std::string yaml;
  if (const std::string& signer = policy.model().default_signer; !signer.empty()) {
    yaml += "defaultConfig:\n  proxyMetadata:\n    " + std::string(kCertSignerVariable) + ": " + text(signer) + "\n";
  }
  yaml += "caCertificates:\n";
  for (const auto& [signer, ca] : cas) {
    yaml +=
        "- pem: |\n" + indented(roots_pem(ca), 4) + "  certSigners:\n  - " + text(policy.signer_name(signer)) + "\n";
  }
  return yaml;
}

std::string render_istio_operator(const Policy& policy, const CaStates& cas) {
  const std::string signers = items(signer_names(policy));
  return "apiVersion: install.istio.io/v1alpha1\n"
         "kind: IstioOperator\n"
         "spec:\n"
         "  values:\n"
         "    global:\n"
         "      istioNamespace: " +
         text(policy.model().root_namespace) +
         "\n"
         "      certSigners:      # without these names the chart lets istiod approve requests for every signer there "
         "is\n" +
         indented(signers, 6) +
         "    pilot:\n"
         "      env:\n"
         "        EXTERNAL_CA: ISTIOD_RA_KUBERNETES_API\n"
         "  meshConfig:\n" +
         indented(render_mesh_config(policy, cas), 4) +
         "  components:\n"
         "    pilot:\n"
         "      k8s:\n"
         "        env:\n" +
         indented(istiod_environment(policy), 8) +
         "        overlays:\n"
         "        - kind: ClusterRole\n"
         "          name: istiod-clusterrole-" +
         policy.model().root_namespace +
         "\n"
         "          patches:\n"
         "          - path: rules[-1]\n"
         "            value: |\n"
         "              apiGroups:\n"
         "              - certificates.k8s.io\n"
         "              resources:\n"
         "              - signers\n"
         "              resourceNames:\n" +
         indented(signers, 14) +
         "              verbs:\n"
         "              - approve\n";
}

}  // namespace signet
