#pragma once

#include "signer/trust/issuer_chain.h"

namespace signet {

/// Whether who trusts one of these roots trusts what the other's key signed: they have the same key, subject and
/// subject key identifier (RFC 5280 §4.2.1.2), by which verifiers find the issuer of a certificate.
[[nodiscard]] bool are_same_anchor(const Certificate& one, const Certificate& other);

/// Whether `next` is `before` with other certificates for the same keys, of the issuer and of the root: who trusts the
/// root of one verifies what is signed under the other, so that nobody need be told of it before.
[[nodiscard]] bool renews(const IssuerChain& before, const IssuerChain& next);

/// Whether they are the same certificates.
[[nodiscard]] bool are_same_certificates(const IssuerChain& one, const IssuerChain& other);

}  // namespace signet
