#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "policy/policy.h"

namespace signet {

inline constexpr std::string_view kIstiod = "system:serviceaccount:istio-system:istiod";

/// The policy with these lines under `spec`, beside what every one needs: trust domain cluster.local, signer domain
/// example.com, requesters istiod and self, and limits of two keys, two usages and 24h. It must load.
PolicyModel model_of(std::string_view spec);
Policy policy_of(std::string_view spec);

/// What istiod asks for on behalf of a service account.
SigningRequest workload_request(const std::string& ns, const std::string& account, const std::string& signer);
/// What istiod asks for DNS names and IP addresses.
SigningRequest service_request(const std::vector<std::string>& names, const std::string& signer);
/// Somebody else asks.
SigningRequest asked_by(const std::string& requester, const std::vector<std::string>& groups, SigningRequest request);

/// The reasons of the findings, in their order: "SignerNotAllowed KeyNotAllowed"; of a mode that refuses nothing with
/// it: "SignerNotAllowed:warn".
std::string codes(const Decision& decision);

}  // namespace signet
