#include "signer/issue/ca_store.h"

namespace signet {

CaStore::CaStore(const CaStates& states) : trust_(std::make_shared<const TrustStore>(trust_of(states))) {
  for (const auto& [signer, state] : states) {
    if (state.in_force.authority != nullptr) authorities_.emplace(signer, state.in_force.authority);
  }
}

std::shared_ptr<const CertificateAuthority> CaStore::find(std::string_view signer) const {
  const auto found = authorities_.find(signer);
  return found == authorities_.end() ? nullptr : found->second;
}

}  // namespace signet
