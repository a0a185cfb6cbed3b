#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "policy/grant.h"
#include "signer/trust/issuer_chain.h"

namespace signet {

/// How far the clock of whoever issued a certificate may be ahead of ours.
inline constexpr std::chrono::seconds kIssuerClockSkew = std::chrono::seconds(60);

/// Whether `pem_chain`, as it would stand in status.certificate, is what was granted and nothing more: PEM of
/// certificates alone; first a leaf of version 3 with the granted key, exactly the granted names in one subject
/// alternative name extension, no common name that is not one of them, not a CA, usages among those granted (and the
/// extensions that confine them present), valid at `now` and no longer than the granted lifetime from then on; then
/// nothing but certificates of `issuer`'s chain, each at most once, enough of them to verify up to its root.
[[nodiscard]] tl::expected<void, std::string> check_certificate(const Grant::Terms& terms, std::string_view pem_chain,
                                                                const IssuerChain& issuer,
                                                                std::chrono::sys_seconds now);

}  // namespace signet
