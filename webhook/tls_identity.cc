#include "webhook/tls_identity.h"

#include <utility>

#include "signer/trust/certificate.h"
#include "webhook/tls_context.h"

namespace signet {
namespace {

std::string der_of(const X509* certificate) {
  unsigned char* bytes = nullptr;
  const int size = i2d_X509(certificate, &bytes);
  std::string der(reinterpret_cast<const char*>(bytes), size > 0 ? static_cast<std::size_t>(size) : 0);
  OPENSSL_free(bytes);
  return der;
}

}  // namespace

tl::expected<ServingPeriod, std::string> serving_period(const TlsIdentity& identity) {
  const auto context = make_tls_context(identity);
  if (!context) {
    return tl::unexpected(context.error());
  }
  const auto certificate = decode_certificate(der_of(SSL_CTX_get0_certificate(context->get())));
  if (!certificate) {
    return tl::unexpected("TLS certificate 1: " + certificate.error());
  }
  return ServingPeriod{not_before(*certificate), not_after(*certificate)};
}

}  // namespace signet
