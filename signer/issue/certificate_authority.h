#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <tl/expected.hpp>

#include "policy/grant.h"
#include "signer/issue/ca_key.h"
#include "signer/trust/issuer_chain.h"

namespace signet {

/// How much before now a certificate is valid already, for clocks that are behind.
inline constexpr std::chrono::minutes kBackdate{5};

/// A CA that is valid for less than this is not signed with: what it could sign would be of no use.
inline constexpr std::chrono::minutes kMinRemaining{10};

struct IssuedCertificate {
  std::string chain_pem;  ///< the leaf first, then the intermediates, without the root that signed itself
  std::string serial;     ///< lower-case hexadecimal
  std::chrono::sys_seconds not_before;
  std::chrono::sys_seconds not_after;
  std::string sha256;  ///< of the leaf's DER, lower-case hexadecimal
};

/// A signer's certificate and key. Signs what was granted for this signer, and nothing else.
class CertificateAuthority {
 public:
  /// Fails if `key` is not that of the chain's issuer. A chain that is not valid at the moment is no reason:
  /// it may be when something is to be signed.
  [[nodiscard]] static tl::expected<CertificateAuthority, std::string> create(std::string signer,
                                                                              std::shared_ptr<const IssuerChain> chain,
                                                                              CaKey key);

  /// Redeems `grant`: a certificate of certificate_profile.h for it, valid from kBackdate before `now`, but not before
  /// the CA is, until its lifetime from `now` is over, but not after the CA is. What was made is verified against the
  /// grant and the CA before it is returned. Fails, with the signer's name, for a grant that was redeemed already or is
  /// for another signer, and while the CA is not valid or will not be for kMinRemaining. For many threads.
  [[nodiscard]] tl::expected<IssuedCertificate, std::string> issue(Grant grant, std::chrono::sys_seconds now) const;

  [[nodiscard]] const std::string& signer() const { return signer_; }
  [[nodiscard]] const IssuerChain& chain() const { return *chain_; }

 private:
  CertificateAuthority(std::string signer, std::shared_ptr<const IssuerChain> chain, CaKey key)
      : signer_(std::move(signer)), chain_(std::move(chain)), key_(std::move(key)) {}

  std::string signer_;
  std::shared_ptr<const IssuerChain> chain_;
  CaKey key_;
};

}  // namespace signet
