#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "signer/issue/ca_states.h"
#include "signer/issue/certificate_authority.h"
#include "signer/trust/trust_store.h"

namespace signet {

/// The CA in force of each signer. Immutable and safe to share between threads.
class CaStore {
 public:
  /// Of what was read with keys.
  explicit CaStore(const CaStates& states);

  /// Nothing for a signer that is not ours.
  [[nodiscard]] std::shared_ptr<const CertificateAuthority> find(std::string_view signer) const;

  /// The public part.
  [[nodiscard]] const std::shared_ptr<const TrustStore>& trust() const { return trust_; }

 private:
  std::shared_ptr<const TrustStore> trust_;
  std::map<std::string, std::shared_ptr<const CertificateAuthority>, std::less<>> authorities_;
};

}  // namespace signet
