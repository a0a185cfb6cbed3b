#pragma once

#include <chrono>
#include <string>
#include <tl/expected.hpp>

#include "signer/kube/wipe_secret.h"

namespace signet {

// What a server shows its clients and what they may show it, all of it PEM. The key is wiped at the end.
struct TlsIdentity {
  ~TlsIdentity() { wipe_secret(key_pem); }

  // The server's certificate, then its intermediates.
  std::string certificate_pem;
  // Its private key, unencrypted.
  std::string key_pem;
  // The CAs of the clients that are known by their certificates. Empty: no client is asked for one.
  std::string client_ca_pem{};
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
