#include "tools/signet/reload/policy_in_force.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <utility>
#include <vector>

#include "tools/signet/reload/access_check.h"

namespace signet {
namespace {

std::map<std::string, std::string> secret_names_of(const Policy& policy) {
  std::map<std::string, std::string> names;
  for (const std::string& signer : policy.signers()) {
    names.emplace(signer, policy.secret_name(signer));
  }
  return names;
}

bool have_the_same_authorities(const Policy& one, const Policy& other, const CaSource& source) {
  return signer_names_of(one) == signer_names_of(other) &&
         (source.name_space.empty() || secret_names_of(one) == secret_names_of(other));
}

// What keeps us from what `policy` needs and `before` did not.
std::vector<std::string> missing_rights(const Policy& before, const Policy& policy, const SuccessionContext& context) {
  const std::vector<AccessQuestion> old = needed_permissions(before, context.source.with_keys);
  std::vector<AccessQuestion> added = needed_permissions(policy, context.source.with_keys);
  std::erase_if(added, [&](const AccessQuestion& question) { return std::ranges::find(old, question) != old.end(); });
  const auto missing = missing_permissions(context.api, context.self, added);
  return missing ? *missing : std::vector{"asking the API server what we may do failed: " + missing.error().message};
}

PolicyInForce with_states(std::shared_ptr<const Policy> policy, const CaSource& source, CaStates states) {
  auto cas = std::make_shared<const CaStates>(std::move(states));
  if (!source.with_keys) {
    return {.policy = std::move(policy),
            .authorities = nullptr,
            .issuers = std::make_shared<const TrustStore>(trust_of(*cas)),
            .cas = std::move(cas)};
  }
  auto authorities = std::make_shared<const CaStore>(*cas);
  auto issuers = authorities->trust();
  return {.policy = std::move(policy),
          .authorities = std::move(authorities),
          .issuers = std::move(issuers),
          .cas = std::move(cas)};
}

}  // namespace

SignerNames signer_names_of(const Policy& policy) {
  SignerNames names;
  for (const std::string& signer : policy.signers()) {
    names.insert(policy.signer_name(signer));
  }
  return names;
}

tl::expected<PolicyInForce, CaProblems> with_authorities(std::shared_ptr<const Policy> policy, const CaSource& source,
                                                         KubeApi& api, std::chrono::sys_seconds now,
                                                         const std::stop_token& stop, const PolicyInForce* before) {
  CaReadings readings = read_cas(source, &api, secret_names_of(*policy), stop);
  if (stop.stop_requested()) {
    return tl::unexpected(CaProblems{.problems = {"not all CAs were read: stopping"}, .transient = true});
  }
  auto states = settle_cas(source, std::move(readings),
                           before != nullptr && before->cas != nullptr ? *before->cas : CaStates(), now);
  if (!states) {
    return tl::unexpected(std::move(states.error()));
  }
  return with_states(std::move(policy), source, *std::move(states));
}

PolicyInForce with_cas_read_again(const PolicyInForce& before, const std::vector<std::string>& changed,
                                  const CaSource& source, KubeApi& api, std::chrono::sys_seconds now) {
  CaReadings readings;
  for (const auto& [signer, state] : *before.cas) {
    const bool was_read = state.found.source && (!state.found.in_use || *state.found.in_use);
    const bool has_changed = !was_read || std::ranges::find(changed, signer) != changed.end();
    readings.emplace(signer,
                     CaReading{.secret_name = state.secret_name,
                               .found = has_changed ? read_ca(source, &api, signer, state.secret_name) : state.found});
  }
  auto states = settle_cas(source, std::move(readings), *before.cas, now);
  // It cannot fail: each of them had a CA before, and no two of those share a key.
  if (!states) {
    return before;
  }
  const bool same_in_force = std::ranges::equal(*states, *before.cas, [](const auto& one, const auto& other) {
    return one.second.in_force.chain == other.second.in_force.chain;
  });
  if (!same_in_force) {
    return with_states(before.policy, source, *std::move(states));
  }
  PolicyInForce next = before;
  next.cas = std::make_shared<const CaStates>(*std::move(states));
  return next;
}

std::string others_issue(const std::string& self) {
  return "the policy's issuers do not name " + self +
         ": somebody else signs for these signers; guard them with --role webhook";
}

tl::expected<PolicyInForce, PolicyRefusal> successor_of(const PolicyInForce& before,
                                                        const std::shared_ptr<const Policy>& policy,
                                                        const SuccessionContext& context) {
  if (context.source.with_keys && !policy->may_issue(context.self, context.self)) {
    return tl::unexpected(PolicyRefusal{.problems = {others_issue(context.self)}, .may_pass = false});
  }
  std::vector<std::string> problems = missing_rights(*before.policy, *policy, context);
  tl::expected<PolicyInForce, CaProblems> next =
      PolicyInForce{.policy = policy, .authorities = before.authorities, .issuers = before.issuers, .cas = before.cas};
  if (!have_the_same_authorities(*before.policy, *policy, context.source)) {
    next = with_authorities(policy, context.source, context.api, context.now, context.stop, &before);
  }
  if (!next) {
    std::ranges::move(next.error().problems, std::back_inserter(problems));
  }
  // Rights and CAs are given from outside, maybe just after the policy was: no reason to give up.
  if (!problems.empty()) {
    return tl::unexpected(PolicyRefusal{.problems = std::move(problems), .may_pass = true});
  }
  return *std::move(next);
}

}  // namespace signet
