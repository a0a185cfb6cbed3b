#pragma once

#include <chrono>
#include <string>
#include <tl/expected.hpp>

#include "signer/kube/wipe_secret.h"

namespace signet {

// A server's certificate with its intermediates, and its unencrypted private key, both PEM. The key is wiped at the
// end.
struct TlsIdentity {
  ~TlsIdentity() { wipe_secret(key_pem); }

  std::string certificate_pem;
  std::string key_pem;
};

// From when to when a server's certificate is valid, both included (RFC 5280 §4.1.2.5).
struct ServingPeriod {
  std::chrono::sys_seconds not_before;
  std::chrono::sys_seconds not_after;
};

// When the certificate of an identity is valid, its intermediates left aside. The error says what keeps every server
// from showing it, as that of HttpsFront::set_identity does.
[[nodiscard]] tl::expected<ServingPeriod, std::string> serving_period(const TlsIdentity& identity);

}  // namespace signet
