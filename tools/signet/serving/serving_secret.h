#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <tl/expected.hpp>

#include "signer/kube/wipe_secret.h"

namespace signet {

/// How long what is made here is valid. It is renewed when two thirds of that are over.
inline constexpr std::chrono::hours kServingCaLifetime{24 * 3650};
inline constexpr std::chrono::hours kServingLifetime{24 * 90};

/// A serving certificate and the CA that signs it, all of it PEM: what replicas share. The keys are wiped at the end.
struct ServingMaterial {
  ~ServingMaterial() {
    wipe_secret(ca_key);
    wipe_secret(tls_key);
  }

  std::string ca_crt;  ///< what clients are to trust: first the CA that signs, then those before it
  std::string ca_key;  ///< of the first one
  std::string tls_crt;
  std::string tls_key;

  friend bool operator==(const ServingMaterial&, const ServingMaterial&) = default;
};

/// All of it new, for a server called `dns_name`.
[[nodiscard]] tl::expected<ServingMaterial, std::string> new_serving_material(const std::string& dns_name,
                                                                              std::chrono::sys_seconds now);

/// What is to be kept in place of `held` at `now`; nothing where it is in order. A CA that is due is followed by a new
/// one, beside which the old ones stay as long as they are valid. A certificate that is due is followed by one of the
/// CA that signs, but by that of a new CA only when `clients_trust_all`: what is in `held.ca_crt` is what they trust.
/// It does not wait for that where the one that is held is of no use: expired, for another name, or by none of the CAs.
/// Fails for what is not such material, and never puts anything in its place.
[[nodiscard]] tl::expected<std::optional<ServingMaterial>, std::string> renewed_serving_material(
    const ServingMaterial& held, const std::string& dns_name, bool clients_trust_all, std::chrono::sys_seconds now);

}  // namespace signet
