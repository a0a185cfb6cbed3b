#include "tools/signet/policy_in_force.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <utility>
#include <vector>

#include "tools/signet/access_check.h"

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
                                                         const std::stop_token& stop) {
  if (!source.with_keys) {
    auto issuers = TrustStore::load_from_directory(source.directory, policy->signers());
    std::vector<std::string> problems = issuers ? issuers->isolation_problems() : issuers.error();
    if (!problems.empty()) {
      return tl::unexpected(CaProblems{.problems = std::move(problems), .transient = false});
    }
    return PolicyInForce{.policy = std::move(policy),
                         .authorities = nullptr,
                         .issuers = std::make_shared<const TrustStore>(*std::move(issuers))};
  }
  auto loaded = source.name_space.empty()
                    ? CaStore::load_from_directory(source.directory, policy->signers(), now)
                    : CaStore::load_from_secrets(api, source.name_space, secret_names_of(*policy), now, stop);
  if (!loaded) {
    return tl::unexpected(std::move(loaded.error()));
  }
  auto authorities = std::make_shared<const CaStore>(*std::move(loaded));
  auto issuers = authorities->trust();
  return PolicyInForce{
      .policy = std::move(policy), .authorities = std::move(authorities), .issuers = std::move(issuers)};
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
      PolicyInForce{.policy = policy, .authorities = before.authorities, .issuers = before.issuers};
  if (!have_the_same_authorities(*before.policy, *policy, context.source)) {
    next = with_authorities(policy, context.source, context.api, context.now, context.stop);
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
