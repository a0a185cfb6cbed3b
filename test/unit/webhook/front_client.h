#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include "signer/csr/openssl_ptr.h"
#include "webhook/https_front.h"
#include "webhook/tls_context.h"
#include "webhook/unique_fd.h"

namespace signet::test {

// A new P-256 key and a self-signed certificate of it for 127.0.0.1.
TlsIdentity make_identity();

// Waits for what another thread is about to do; half a minute says that it never will.
template <typename Condition>
bool eventually(Condition condition) {
  for (int i = 0; i < 30'000; ++i) {
    if (condition()) {
      return true;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return false;
}

struct Answer {
  int status = 0;
  // The head as it was received, ends in CRLFCRLF.
  std::string head;
  std::string body;
};

using SslSessionPtr = OpensslPtr<SSL_SESSION, SSL_SESSION_free>;

// A client of 127.0.0.1 that sends what it is told, byte by byte, and believes any certificate. What it waits for comes
// or, after half a minute, does not.
class RawClient {
 public:
  // `source`: the IPv4 address that it comes from, of this machine.
  explicit RawClient(std::uint16_t port, const char* source = "127.0.0.1");

  // What to show when the server asks for a certificate: leaf and intermediates with the leaf's key, PEM.
  void show(const TlsIdentity& identity);
  // Offers the server the session that the other connection had.
  void offer_session_of(const RawClient& other);
  // True when the TLS handshake was done, in exactly that version if one is given.
  bool handshake(int version = 0);
  // Over TLS. False when the connection is gone.
  bool send(std::string_view bytes);
  // Over TCP, past TLS.
  bool send_plain(std::string_view bytes);
  // What that many changes of the keys and then these bytes look like on the wire. Nothing may be sent over TLS any
  // more.
  std::string key_updates(int times, std::string_view then);
  // The next answer of the connection, by its Content-Length; nullopt when it ends before.
  std::optional<Answer> receive();
  // True when the server ends the connection with nothing more to say.
  bool at_end();
  // DER of the server's certificate.
  std::string peer_certificate() const;
  // Whether the handshake went on with the session that was offered.
  bool is_resumed() const;
  // Why TLS failed, as OpenSSL says it: an alert of the server's.
  const std::string& failure() const { return failure_; }
  // `100 Continue` and its empty line.
  bool receive_continue();

 private:
  // The reason of the newest error in the queue, for failure().
  bool fail();
  bool fill();
  bool fill_to(std::string_view mark);

  UniqueFd fd_;
  SslContextPtr context_;
  SslPtr ssl_;
  std::string received_;
  SslSessionPtr offered_;
  std::string failure_;
};

}  // namespace signet::test
