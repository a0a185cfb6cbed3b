#include <algorithm>
#include <iostream>

#include "policy/kubernetes_names.h"
#include "policy/quoting.h"
#include "signer/kube/bounded_file.h"
#include "tools/signet/ca/ca_place.h"
#include "tools/signet/command_line/command.h"
#include "tools/signet/command_line/command_line.h"
#include "tools/signet/inputs/input_file.h"
#include "tools/signet/render/admission_policies.h"
#include "tools/signet/render/istio_manifests.h"
#include "tools/signet/render/webhook_manifests.h"

namespace signet {

namespace po = boost::program_options;

namespace {

constexpr std::size_t kMaxCaBundleBytes = 1U << 20U;
constexpr const char* kWebhooksUsage =
    "signet render webhooks --policy FILE [--ca-bundle FILE] [--service NAMESPACE/NAME | --url URL] [--account USER]";
constexpr const char* kProxyConfigsUsage =
    "signet render proxyconfigs --policy FILE [--namespaces FILE]\n\n"
    "Prints the ProxyConfigs that tell the proxies of each tenant's namespaces which signer is theirs.";
constexpr const char* kAdmissionPoliciesUsage =
    "signet render admission-policies --policy FILE [--namespace NAMESPACE]\n\n"
    "Prints ValidatingAdmissionPolicies: what the API server can keep of the policy by itself, also while the webhook "
    "is\n"
    "away. They read no PKCS#10, so they refuse less than the webhook, and take its place in nothing.";
constexpr const char* kUsage =
    "signet render webhooks --policy FILE [--ca-bundle FILE] [options]\n"
    "       signet render admission-policies --policy FILE [--namespace NAMESPACE]\n"
    "       signet render istio-operator|meshconfig --policy FILE (--ca-dir DIR | --ca-namespace NAMESPACE) [options]\n"
    "       signet render proxyconfigs --policy FILE [--namespaces FILE]";

int webhooks(const Arguments& arguments) {
  po::options_description options("Options");
  options.add_options()("policy", po::value<std::string>()->required()->value_name("FILE"), "the policy to guard");
  options.add_options()("ca-bundle", po::value<std::string>()->value_name("FILE"),
                        "PEM of the CA of the webhook's serving certificate; absent: Signet puts in the one it keeps "
                        "(signet serve --serving-secret)");
  options.add_options()("service",
                        po::value<std::string>()->default_value("signet-system/signet")->value_name("NAMESPACE/NAME"),
                        "the Service that the API server calls, port 443");
  options.add_options()("url", po::value<std::string>()->value_name("URL"),
                        "call this URL instead of a Service: https://HOST[:PORT], to which the path is added");
  options.add_options()(
      "account",
      po::value<std::string>()->default_value("system:serviceaccount:signet-system:signet")->value_name("USER"),
      "Signet's own service account: its status writes are not reviewed");
  const auto line = CommandLine::parse(kWebhooksUsage, options, arguments);
  if (!line) {
    return line.error();
  }
  const std::shared_ptr<const Policy> policy = read_policy_or_complain(line->text("policy"));
  if (policy == nullptr) {
    return kExitUsage;
  }
  std::string ca_bundle;
  if (line->has("ca-bundle")) {
    auto text = read_bounded_file(line->text("ca-bundle"), kMaxCaBundleBytes);
    if (!text) {
      return usage_error(text.error());
    }
    if (text->empty()) {
      return usage_error(line->text("ca-bundle") + ": is empty");
    }
    ca_bundle = *std::move(text);
  }
  const auto manifests = render_webhooks(*policy, {.url = line->text("url"),
                                                   .service = line->text("service"),
                                                   .ca_bundle = ca_bundle,
                                                   .account = line->text("account")});
  if (!manifests) {
    return usage_error(manifests.error());
  }
  std::cout << *manifests;
  return kExitYes;
}

// `render` prints what Istio is told of the policy and of the roots of its signers' CAs.
int from_roots(const std::string& name, const std::string& what,
               std::string (*render)(const Policy& policy, const CaStates& cas), const Arguments& arguments) {
  const auto line = CommandLine::parse("signet render " + name +
                                           " --policy FILE (--ca-dir DIR | --ca-namespace NAMESPACE) [options]\n\n"
                                           "Prints " +
                                           what + ". No key is needed for it.",
                                       ca_place_options(), arguments);
  if (!line) {
    return line.error();
  }
  const auto place = CaPlace::of(*line);
  if (!place) {
    return place.error();
  }
  const std::string& default_signer = place->policy->model().default_signer;
  if (!default_signer.empty() && !std::ranges::binary_search(place->policy->signers(), default_signer)) {
    return usage_error("spec.defaultSigner: no tenant has signer \"" + default_signer +
                       "\": istiod, which asks it for its own certificate, could not start");
  }
  const auto cas = place->states(now_in_seconds());
  if (!cas) {
    return cas.error();
  }
  std::cout << render(*place->policy, *cas);
  return kExitYes;
}

int proxy_configs(const Arguments& arguments) {
  po::options_description options("Options");
  options.add_options()("policy", po::value<std::string>()->required()->value_name("FILE"), "whose tenants are meant");
  options.add_options()(
      "namespaces", po::value<std::string>()->value_name("FILE"),
      "the cluster's, as kubectl get namespaces -o yaml prints them, for tenants by pattern or label");
  const auto line = CommandLine::parse(kProxyConfigsUsage, options, arguments);
  if (!line) {
    return line.error();
  }
  const std::shared_ptr<const Policy> policy = read_policy_or_complain(line->text("policy"));
  const std::shared_ptr<const KnownNamespaces> namespaces = read_namespaces_or_complain(line->text("namespaces"));
  if (policy == nullptr || namespaces == nullptr) {
    return kExitUsage;
  }
  if (const auto tenants = tenants_by_pattern_or_label(*policy); !tenants.empty() && !line->has("namespaces")) {
    std::cerr << "signet: left out: namespaces that are a tenant's by a pattern or by their labels, of "
              << joined(tenants, in_quotes) << "; --namespaces FILE tells which there are\n";
  }
  std::cout << render_proxy_configs(*policy, *namespaces);
  return kExitYes;
}

int admission_policies(const Arguments& arguments) {
  po::options_description options("Options");
  options.add_options()("policy", po::value<std::string>()->required()->value_name("FILE"), "the policy to keep");
  options.add_options()("namespace", po::value<std::string>()->default_value("signet-system")->value_name("NAMESPACE"),
                        "Signet's own: what configures its pods is not judged");
  const auto line = CommandLine::parse(kAdmissionPoliciesUsage, options, arguments);
  if (!line) {
    return line.error();
  }
  if (!is_dns_label(line->text("namespace"))) {
    return usage_error("--namespace must be the name of a namespace, not \"" + line->text("namespace") + "\"");
  }
  const std::shared_ptr<const Policy> policy = read_policy_or_complain(line->text("policy"));
  if (policy == nullptr) {
    return kExitUsage;
  }
  const auto manifests = render_admission_policies(*policy, line->text("namespace"));
  if (!manifests) {
    return usage_error(manifests.error());
  }
  std::cout << *manifests;
  return kExitYes;
}

}  // namespace

int render_command(const Arguments& arguments) {
  const std::string which = arguments.empty() ? "" : arguments[0];
  const Arguments rest(arguments.begin() + (arguments.empty() ? 0 : 1), arguments.end());
  if (which == "webhooks") {
    return webhooks(rest);
  }
  if (which == "admission-policies") {
    return admission_policies(rest);
  }
  if (which == "istio-operator") {
    return from_roots(which, "the IstioOperator of a mesh whose certificates come from the policy's signers",
                      render_istio_operator, rest);
  }
  if (which == "meshconfig") {
    return from_roots(which, "the MeshConfig of such a mesh: its default signer, and the root of each signer",
                      render_mesh_config, rest);
  }
  if (which == "proxyconfigs") {
    return proxy_configs(rest);
  }
  if (which == "--help" || which == "-h") {
    std::cout << "Usage: " << kUsage << "\n`signet render WHAT --help` tells the options of each.\n";
    return kExitYes;
  }
  return usage_error(
      "render: which of: webhooks, istio-operator, meshconfig, proxyconfigs, admission-policies\nUsage: " +
      std::string(kUsage));
}

}  // namespace signet
