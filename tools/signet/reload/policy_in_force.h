#pragma once

#include <chrono>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "policy/policy.h"
#include "signer/issue/ca_source.h"
#include "signer/issue/ca_states.h"
#include "signer/issue/ca_store.h"
#include "signer/kube/csr_watcher.h"
#include "signer/kube/kube_api.h"
#include "signer/trust/trust_store.h"
#include "tools/signet/reload/policy_choice.h"

namespace signet {

/// What decisions are made with, in one piece: a decision uses one of these from its beginning to its end. Immutable.
struct PolicyInForce {
  std::shared_ptr<const Policy> policy;
  std::shared_ptr<const CaStore> authorities;     ///< of the policy's signers; null until loaded, and where none signs
  std::shared_ptr<const TrustStore> issuers;      ///< their public certificates; null until loaded
  std::shared_ptr<const CaStates> cas = nullptr;  ///< how it stands with each of them; null until loaded
};

/// The one of now. Safe for many threads; nobody waits longer than it takes to copy a pointer.
class CurrentPolicy {
 public:
  explicit CurrentPolicy(PolicyInForce first) { store(std::move(first)); }

  [[nodiscard]] std::shared_ptr<const PolicyInForce> load() const {
    const std::lock_guard lock(mutex_);
    return now_;
  }
  void store(PolicyInForce next) {
    auto now = std::make_shared<const PolicyInForce>(std::move(next));
    const std::lock_guard lock(mutex_);
    now_.swap(now);
  }

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const PolicyInForce> now_;  ///< guarded by mutex_; never null
};

/// The whole signerName of each signer of the policy.
[[nodiscard]] SignerNames signer_names_of(const Policy& policy);

/// The policy with the CAs of its signers, which are read, no two of which have a key or a root in common. Those of
/// `before`, if it has some, stay in force as settle_cas() has it. `stop` leaves some unread.
[[nodiscard]] tl::expected<PolicyInForce, CaProblems> with_authorities(std::shared_ptr<const Policy> policy,
                                                                       const CaSource& source, KubeApi& api,
                                                                       std::chrono::sys_seconds now,
                                                                       const std::stop_token& stop = {},
                                                                       const PolicyInForce* before = nullptr);

/// What is in force after the CAs of the signers `changed` were read again, and time has passed for the others. Where
/// it is as `before`, it has the very same objects.
[[nodiscard]] PolicyInForce with_cas_read_again(const PolicyInForce& before, const std::vector<std::string>& changed,
                                                const CaSource& source, KubeApi& api, std::chrono::sys_seconds now);

/// Says that the policy is not for us, whom the API server calls `self`, to sign by: it names other issuers.
[[nodiscard]] std::string others_issue(const std::string& self);

/// What a policy's coming into force rests on beside the policy itself.
struct SuccessionContext {
  const CaSource& source;
  KubeApi& api;
  std::string self;  ///< who we are at the API server
  std::chrono::sys_seconds now;
  std::stop_token stop;
};

/// `policy` in place of `before`, with everything that it needs, or everything that is missing. Where it has the
/// signers of the one before, and their CAs in the same places, it has the very same CAs: nothing is read again. Else
/// the CAs of all its signers are read, and whoever signs must have the permission to sign for those that are new. For
/// whoever signs, the policy must not name somebody else as the issuer.
[[nodiscard]] tl::expected<PolicyInForce, PolicyRefusal> successor_of(const PolicyInForce& before,
                                                                      const std::shared_ptr<const Policy>& policy,
                                                                      const SuccessionContext& context);

}  // namespace signet
