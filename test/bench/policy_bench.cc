// How long a policy takes to decide. Usage: policy_bench ROUNDS POLICY…
// Prints, for each round and policy, "POLICY<tab>nanoseconds for one decision". The policies take turns.
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "policy/policy.h"
#include "policy/policy_loader.h"
#include "policy/request_sketch.h"

namespace signet {
namespace {

// As many for every policy, so that what the requests themselves take of the caches is the same.
constexpr std::size_t kRequests = 10'000;
constexpr std::size_t kNamespacesOfATenant = 5;

// A policy, and requests that it grants, one after the other for namespaces that have nothing to do with each other.
struct Side {
  std::string path;
  Policy policy;
  KnownNamespaces namespaces;
  std::vector<SigningRequest> requests;
};

// Those that it lists, or, where it lists none, some that it has by a pattern or by its labels (make_policy).
std::vector<std::string> namespaces_of(const PolicyModel::Tenant& tenant) {
  std::vector<std::string> names;
  for (const NamePattern& pattern : tenant.namespaces) {
    if (pattern.kind() == NamePattern::Kind::kExact) {
      names.push_back(pattern.text());
    }
  }
  for (int i = 0; names.size() < kNamespacesOfATenant; ++i) {
    names.push_back(tenant.name + "-" + std::to_string(i));
  }
  return names;
}

SigningRequest request_of(const Policy& policy, const PolicyModel::Tenant& tenant, const std::string& ns) {
  const RequestSketch sketch{.identity = "spiffe://" + policy.model().trust_domains.front() + "/ns/" + ns + "/sa/api",
                             .dns_names = {},
                             .signer = tenant.signers.front(),
                             .requester = {},
                             .groups = {},
                             .duration = std::chrono::hours(24)};
  return sketched_request(sketch, policy);
}

Side side_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  auto model = load_policy(text.str(), path);
  if (!model) {
    std::cerr << to_report(model.error().front()) << "\n";
    std::exit(EXIT_FAILURE);
  }
  Policy policy(*std::move(model), {});
  KnownNamespaces::ByName labels;
  std::vector<SigningRequest> of_all;
  for (const PolicyModel::Tenant& tenant : policy.model().tenants) {
    for (const std::string& ns : namespaces_of(tenant)) {
      Labels of_namespace = {{std::string(kNamespaceNameLabel), ns},
                             {"pod-security.kubernetes.io/enforce", "restricted"}};
      if (tenant.namespace_selector) {
        for (const LabelSelector::Requirement& needed : tenant.namespace_selector->requirements) {
          of_namespace.emplace(needed.key, needed.values.front());
        }
      }
      labels.emplace(ns, std::make_shared<const Labels>(std::move(of_namespace)));
      of_all.push_back(request_of(policy, tenant, ns));
    }
  }
  // A step that has no divisor in common with any number of namespaces made here reaches all of them.
  constexpr std::size_t kStep = 7919;
  std::vector<SigningRequest> requests;
  for (std::size_t i = 0; i < kRequests; ++i) {
    requests.push_back(of_all[i * kStep % of_all.size()]);
  }
  return {.path = path,
          .policy = std::move(policy),
          .namespaces = KnownNamespaces(std::move(labels)),
          .requests = std::move(requests)};
}

// Nanoseconds for one decision.
double measure(const Side& side) {
  const auto begin = std::chrono::steady_clock::now();
  const auto granted = std::ranges::count_if(side.requests, [&](const SigningRequest& request) {
    return side.policy.evaluate(request, side.namespaces).verdict == Decision::Verdict::kGranted;
  });
  const std::chrono::duration<double, std::nano> taken = std::chrono::steady_clock::now() - begin;
  if (granted != static_cast<std::ptrdiff_t>(kRequests)) {
    std::cerr << side.path << ": grants " << granted << " of " << kRequests << " requests\n";
    std::exit(EXIT_FAILURE);
  }
  return taken.count() / static_cast<double>(kRequests);
}

int run(int rounds, const std::vector<std::string>& paths) {
  std::vector<Side> sides;
  for (const std::string& path : paths) {
    sides.push_back(side_of(path));
    static_cast<void>(measure(sides.back()));  // what is in no cache yet
  }
  for (int round = 0; round < rounds; ++round) {
    for (const Side& side : sides) {
      std::cout << side.path << "\t" << measure(side) << "\n";
    }
  }
  return EXIT_SUCCESS;
}

}  // namespace
}  // namespace signet

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  const int rounds = arguments.empty() ? 0 : std::atoi(arguments[0].c_str());
  if (rounds < 1 || arguments.size() < 2) {
    std::cerr << "usage: policy_bench ROUNDS POLICY…\n";
    return EXIT_FAILURE;
  }
  return signet::run(rounds, {arguments.begin() + 1, arguments.end()});
}
