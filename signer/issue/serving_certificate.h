#pragma once

#include <chrono>
#include <string>
#include <tl/expected.hpp>

#include "signer/kube/kube_api.h"

namespace signet {

/// A new P-256 key, PKCS#8 in PEM, and a certificate of it for servers called `dns_name`, by the CA whose certificate
/// and key are those of `ca`: certificate_profile.h's, with the usages digital signature and server auth, valid from
/// kBackdate before `now` for `lifetime` from then on, but not beyond the CA. ca_crt is the CA's certificate. Fails
/// where OpenSSL does, and where the CA cannot sign at `now`.
[[nodiscard]] tl::expected<TlsSecret, std::string> make_serving_certificate(const std::string& dns_name,
                                                                            const TlsSecret& ca,
                                                                            std::chrono::seconds lifetime,
                                                                            std::chrono::sys_seconds now);

}  // namespace signet
