#include "webhook/tls_context.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

#include "signer/trust/certificate.h"

namespace signet {
namespace {

// A chain of ten with large keys is under 64 KiB.
constexpr std::size_t kMaxPemBytes = std::size_t{1} << 20;
// RFC 9325 §4.2: forward secrecy and an AEAD. What TLS 1.3 has is all of that kind.
constexpr const char* kTls12Ciphers = "ECDHE+AESGCM:ECDHE+CHACHA20";
// What a client may show before it is known: four certificates with large keys and many names are less.
constexpr long kMaxClientChainBytes = 32L << 10;
// RFC 7301 §3.1: a length, then the name.
constexpr std::array<unsigned char, 9> kHttp11{8, 'h', 't', 't', 'p', '/', '1', '.', '1'};

// The reason of the newest error in this thread's queue, which it empties.
std::string openssl_reason() {
  const char* const reason = ERR_reason_error_string(ERR_peek_last_error());
  ERR_clear_error();
  return reason != nullptr ? reason : "unknown error";
}

BioPtr read_only_bio(std::string_view text) {
  return BioPtr(text.size() <= kMaxPemBytes ? BIO_new_mem_buf(text.data(), static_cast<int>(text.size())) : nullptr);
}

// In place of OpenSSL's own, which asks at the terminal.
int no_password(char* /*buffer*/, int /*size*/, int /*writing*/, void* /*context*/) { return -1; }

tl::expected<void, std::string> use_certificates(SSL_CTX* context, std::string_view pem) {
  const BioPtr bio = read_only_bio(pem);
  if (bio == nullptr) {
    return tl::unexpected<std::string>("TLS certificate: larger than 1 MiB");
  }
  ERR_clear_error();
  std::size_t count = 0;
  for (;; ++count) {
    const X509Ptr certificate(PEM_read_bio_X509(bio.get(), nullptr, no_password, nullptr));
    if (certificate == nullptr) {
      break;
    }
    // Each takes a reference of its own.
    const int used = count == 0 ? SSL_CTX_use_certificate(context, certificate.get())
                                : static_cast<int>(SSL_CTX_add1_chain_cert(context, certificate.get()));
    if (used != 1) {
      return tl::unexpected("TLS certificate " + std::to_string(count + 1) + ": " + openssl_reason());
    }
  }
  // PEM_R_NO_START_LINE is how the end of the last block reads.
  const bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  if (count == 0 && at_end) {
    ERR_clear_error();
    return tl::unexpected<std::string>("TLS certificate: no PEM block CERTIFICATE in it");
  }
  if (!at_end) {
    return tl::unexpected("TLS certificate " + std::to_string(count + 1) + ": " + openssl_reason());
  }
  ERR_clear_error();
  return {};
}

tl::expected<void, std::string> use_key(SSL_CTX* context, std::string_view pem) {
  const BioPtr bio = read_only_bio(pem);
  if (bio == nullptr) {
    return tl::unexpected<std::string>("TLS key: larger than 1 MiB");
  }
  ERR_clear_error();
  const EvpPkeyPtr key(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_password, nullptr));
  if (key == nullptr) {
    ERR_clear_error();
    return tl::unexpected<std::string>("TLS key: not an unencrypted private key in PEM");
  }
  // Fails too when the key is not the certificate's.
  if (SSL_CTX_use_PrivateKey(context, key.get()) != 1 || SSL_CTX_check_private_key(context) != 1) {
    return tl::unexpected("TLS key: " + openssl_reason());
  }
  return {};
}

// Adds to OpenSSL's own verification, which takes a certificate without extended key usages for one of all of them.
int require_client_auth(int verified, X509_STORE_CTX* chain) {
  if (verified != 1 || X509_STORE_CTX_get_error_depth(chain) != 0) {
    return verified;
  }
  X509* const leaf = X509_STORE_CTX_get_current_cert(chain);
  if ((X509_get_extension_flags(leaf) & EXFLAG_XKUSAGE) != 0 &&
      (X509_get_extended_key_usage(leaf) & XKU_SSL_CLIENT) != 0) {
    return 1;
  }
  X509_STORE_CTX_set_error(chain, X509_V_ERR_INVALID_PURPOSE);
  return 0;
}

tl::expected<void, std::string> ask_clients(SSL_CTX* context, std::string_view client_ca_pem) {
  const auto authorities = read_certificates(client_ca_pem);
  if (!authorities) {
    return tl::unexpected("client CA: " + authorities.error());
  }
  const X509StorePtr store(X509_STORE_new());
  bool made = store != nullptr;
  for (const Certificate& authority : *authorities) {
    made = made && X509_STORE_add_cert(store.get(), authority.x509.get()) == 1;
  }
  // An intermediate is trusted for itself, without the root above it.
  if (!made || X509_STORE_set_flags(store.get(), X509_V_FLAG_PARTIAL_CHAIN) != 1 ||
      SSL_CTX_set1_verify_cert_store(context, store.get()) != 1) {
    return tl::unexpected("client CA: " + openssl_reason());
  }
  SSL_CTX_set_max_cert_list(context, kMaxClientChainBytes);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, require_client_auth);
  return {};
}

int select_http_1_1(SSL* /*ssl*/, const unsigned char** out, unsigned char* out_size, const unsigned char* in,
                    unsigned int in_size, void* /*context*/) {
  unsigned char* selected = nullptr;
  const int result = SSL_select_next_proto(&selected, out_size, kHttp11.data(), kHttp11.size(), in, in_size);
  *out = selected;
  // RFC 7301 §3.2: who speaks none of our protocols is told so.
  return result == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

}  // namespace

tl::expected<SslContextPtr, std::string> make_tls_context(const TlsIdentity& identity) {
  ERR_clear_error();
  const SslContextPtr context(SSL_CTX_new(TLS_server_method()), [](SSL_CTX* owned) { SSL_CTX_free(owned); });
  if (context == nullptr || SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION) != 1 ||
      SSL_CTX_set_cipher_list(context.get(), kTls12Ciphers) != 1 || SSL_CTX_set_num_tickets(context.get(), 0) != 1) {
    return tl::unexpected("TLS: " + openssl_reason());
  }
  SSL_CTX_set_options(context.get(), SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET |
                                         SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_IGNORE_UNEXPECTED_EOF);
  // A session that was resumed would show no certificate again.
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
  // An idle connection then holds no 34 KiB of record buffers.
  SSL_CTX_set_mode(context.get(),
                   SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_alpn_select_cb(context.get(), select_http_1_1, nullptr);

  const auto certificates = use_certificates(context.get(), identity.certificate_pem);
  if (!certificates) {
    return tl::unexpected(certificates.error());
  }
  const auto key = use_key(context.get(), identity.key_pem);
  if (!key) {
    return tl::unexpected(key.error());
  }
  if (!identity.client_ca_pem.empty()) {
    if (const auto asked = ask_clients(context.get(), identity.client_ca_pem); !asked) {
      return tl::unexpected(asked.error());
    }
  }
  return context;
}

ClientStanding standing_of(const SSL& ssl) {
  if ((SSL_get_verify_mode(&ssl) & SSL_VERIFY_PEER) == 0) {
    return ClientStanding::kNotAsked;
  }
  const bool verified = SSL_get0_peer_certificate(&ssl) != nullptr && SSL_get_verify_result(&ssl) == X509_V_OK;
  return verified ? ClientStanding::kVerified : ClientStanding::kUnknown;
}

}  // namespace signet
