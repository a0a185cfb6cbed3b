#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "policy/issuance_quota.h"
#include "policy/signing_request.h"

namespace signet {

/// The right to one certificate. Only `Policy` makes one, it cannot be copied, and issuing takes it away: what no
/// policy granted cannot be signed, nor anything granted once be signed twice.
class Grant {
 public:
  /// What may be signed. The certificate is built from these fields alone.
  struct Terms {
    std::string csr_uid;
    std::string csr_name;
    std::string signer;  ///< the part of the signerName after the domain
    std::string tenant;
    std::string spki;  ///< DER of the SubjectPublicKeyInfo
    KeyType key_type = KeyType::kEcdsaP256;
    std::vector<SubjectAltName> names;  ///< one URI, or DNS names
    std::vector<Usage> usages;
    std::chrono::seconds lifetime{0};  ///< from the moment of issuing; backdating is on top
    /// Whether the root is the last of the published chain: who named no signer learns from it alone whom to trust.
    bool chain_ends_in_root = false;
    std::optional<IssuanceQuota> quota;  ///< the tenant's, which whoever issues must hold to
  };

  Grant(Grant&&) noexcept = default;
  Grant& operator=(Grant&&) noexcept = default;
  Grant(const Grant&) = delete;
  Grant& operator=(const Grant&) = delete;
  ~Grant() = default;

  /// Whether the grant was moved from: it then grants nothing, and `terms` must not be called.
  [[nodiscard]] bool empty() const { return terms_ == nullptr; }
  [[nodiscard]] const Terms& terms() const { return *terms_; }

 private:
  friend class Policy;
  explicit Grant(Terms terms) : terms_(std::make_unique<const Terms>(std::move(terms))) {}

  std::unique_ptr<const Terms> terms_;
};

}  // namespace signet
