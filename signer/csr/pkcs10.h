#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "policy/signing_request.h"

namespace signet {

/// A request for an RSA-4096 certificate with one name is 1.7 KB of PEM, with the hundred names that are read about 10.
inline constexpr std::size_t kMaxRequestPemBytes = std::size_t{16} << 10;

/// Reads a certificate request (PKCS#10, RFC 2986) that the API server took into spec.request: one PEM block labelled
/// CERTIFICATE REQUEST and nothing around it, in DER. Proof of possession is computed for keys that a policy can allow,
/// and for these alone; that it fails is a fact, not an error. So is a key of another kind, whose signature may then be
/// by whatever algorithm. An error is a text that has no single meaning, or a signature whose algorithm is not one of
/// those we verify. The subject is reported for signers that copy it.
/// Safe to call from any number of threads.
[[nodiscard]] tl::expected<Pkcs10Facts, std::string> parse_pkcs10(std::string_view pem);

}  // namespace signet
