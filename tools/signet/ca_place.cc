#include "tools/signet/ca_place.h"

#include <algorithm>
#include <utility>

#include "signer/kube/kube_client.h"
#include "tools/signet/cluster_access.h"
#include "tools/signet/command.h"
#include "tools/signet/input_file.h"

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

tl::expected<TrustStore, std::vector<std::string>> read_trust(const CaPlace& place) {
  if (place.api == nullptr) {
    return TrustStore::load_from_directory(place.directory, place.signers);
  }
  TrustStore::Chains chains;
  std::vector<std::string> problems;
  for (const std::string& signer : place.signers) {
    const std::string where = "signer \"" + signer + "\": " + place.location(signer) + ": ";
    const auto secret = place.api->get_tls_secret(place.name_space, place.policy->secret_name(signer));
    if (!secret) {
      problems.push_back(where + secret.error().message);
    } else if (auto chain = IssuerChain::parse(secret->tls_crt, secret->ca_crt)) {
      chains.emplace(signer, *std::move(chain));
    } else {
      problems.push_back(where + chain.error());
    }
  }
  if (!problems.empty()) {
    return tl::unexpected(std::move(problems));
  }
  return TrustStore(std::move(chains));
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

tl::expected<TrustStore, int> CaPlace::trust() const {
  auto trust = read_trust(*this);
  if (!trust) {
    return tl::unexpected(complain_of_all(trust.error(), kExitUsage));
  }
  if (const auto problems = trust->isolation_problems(); !problems.empty()) {
    return tl::unexpected(complain_of_all(problems, kExitUsage));
  }
  return *std::move(trust);
}

}  // namespace signet
