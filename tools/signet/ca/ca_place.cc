#include "tools/signet/ca/ca_place.h"

#include <algorithm>
#include <iostream>
#include <utility>

#include "signer/kube/bounded_file.h"
#include "signer/kube/kube_client.h"
#include "tools/signet/command_line/cluster_access.h"
#include "tools/signet/command_line/command.h"
#include "tools/signet/inputs/input_file.h"

namespace signet {

namespace po = boost::program_options;

namespace {

// The signers named, each once; all if none is. An error lists those that the policy does not have.
tl::expected<std::vector<std::string>, std::vector<std::string>> signers_named(const Policy& policy,
                                                                               std::vector<std::string> names) {
  if (names.empty()) {
    return policy.signers();
  }
  std::ranges::sort(names);
  names.erase(std::ranges::unique(names).begin(), names.end());
  std::vector<std::string> problems;
  for (const std::string& name : names) {
    if (!std::ranges::binary_search(policy.signers(), name)) {
      problems.push_back("--signer: no tenant of the policy has signer \"" + name + "\"");
    }
  }
  if (!problems.empty()) {
    return tl::unexpected(std::move(problems));
  }
  return names;
}

}  // namespace

po::options_description ca_place_options() {
  po::options_description options("Options");
  options.add_options()("policy", po::value<std::string>()->required()->value_name("FILE"), "whose signers are meant");
  options.add_options()("ca-dir", po::value<std::string>()->value_name("DIR"),
                        "CAs as DIR/<signer>/{tls.crt,tls.key,ca.crt}");
  options.add_options()("ca-namespace", po::value<std::string>()->value_name("NAMESPACE"),
                        "CAs as kubernetes.io/tls Secrets, <signer>-ca unless the policy says otherwise");
  options.add_options()("kubeconfig", po::value<std::string>()->value_name("FILE"),
                        "with --ca-namespace: how to reach the API server; absent: the pod's service account");
  return options;
}

po::options_description ca_place_options_for_signers() {
  po::options_description options = ca_place_options();
  options.add_options()("signer", po::value<std::vector<std::string>>()->composing()->value_name("NAME"),
                        "this signer alone, without its domain; may be repeated. Absent: all of the policy's");
  return options;
}

void add_mesh_config_option(po::options_description& options) {
  options.add_options()(
      "mesh-config", po::value<std::string>()->value_name("FILE"),
      "the mesh's MeshConfig or the ConfigMap with it, as kubectl get configmap istio -n istio-system "
      "-o yaml prints it; - for standard input");
}

tl::expected<std::optional<MeshRoots>, int> mesh_roots_of(const CommandLine& line) {
  const std::string file = line.text("mesh-config");
  if (file.empty()) {
    return std::nullopt;
  }
  const auto text = file == "-" ? read_stream(std::cin, "standard input", kMaxMeshConfigBytes)
                                : read_bounded_file(file, kMaxMeshConfigBytes);
  if (!text) {
    return tl::unexpected(usage_error(text.error()));
  }
  auto roots = MeshRoots::parse(*text, file == "-" ? "standard input" : file);
  if (!roots) {
    return tl::unexpected(complain_of_all(roots.error(), kExitUsage));
  }
  return *std::move(roots);
}

std::chrono::sys_seconds now_in_seconds() {
  return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
}

int complain_of_all(const std::vector<std::string>& problems, int exit_code) {
  for (const std::string& problem : problems) {
    static_cast<void>(usage_error(problem));
  }
  return exit_code;
}

tl::expected<CaPlace, int> CaPlace::of(const CommandLine& line) {
  CaPlace place;
  place.directory = line.text("ca-dir");
  place.name_space = line.text("ca-namespace");
  if (place.directory.empty() == place.name_space.empty()) {
    return tl::unexpected(usage_error("exactly one of --ca-dir and --ca-namespace is needed"));
  }
  if (line.has("kubeconfig") && place.name_space.empty()) {
    return tl::unexpected(usage_error("--kubeconfig goes with --ca-namespace"));
  }
  place.policy = read_policy_or_complain(line.text("policy"));
  if (place.policy == nullptr) {
    return tl::unexpected(kExitUsage);
  }
  auto signers = signers_named(*place.policy, line.texts("signer"));
  if (!signers) {
    return tl::unexpected(complain_of_all(signers.error(), kExitUsage));
  }
  place.signers = *std::move(signers);
  if (!place.name_space.empty()) {
    auto client = cluster_access(line.text("kubeconfig")).and_then(HttpKubeClient::create);
    if (!client) {
      return tl::unexpected(usage_error(client.error()));
    }
    place.api = *std::move(client);
  }
  return place;
}

std::string CaPlace::location(const std::string& signer) const {
  return api == nullptr ? directory + "/" + signer : "Secret " + name_space + "/" + policy->secret_name(signer);
}

std::string CaPlace::record_location(const std::string& signer) const {
  return api == nullptr ? in_use_folder(directory + "/" + signer)
                        : "Secret " + name_space + "/" + in_use_secret(policy->secret_name(signer));
}

CaSource CaPlace::source(bool with_keys) const {
  return {.with_keys = with_keys, .directory = directory, .name_space = name_space};
}

std::map<std::string, std::string> CaPlace::secret_names() const {
  std::map<std::string, std::string> names;
  for (const std::string& signer : signers) {
    names.emplace(signer, policy->secret_name(signer));
  }
  return names;
}

tl::expected<CaStates, int> CaPlace::states(std::chrono::sys_seconds now) const {
  const CaSource public_part = source(false);
  auto states = settle_cas(public_part, read_cas(public_part, api.get(), secret_names()), {}, now);
  if (!states) {
    return tl::unexpected(complain_of_all(states.error().problems, kExitUsage));
  }
  return *std::move(states);
}

}  // namespace signet
