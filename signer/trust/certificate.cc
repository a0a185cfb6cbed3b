#include "signer/trust/certificate.h"

#include <openssl/bio.h>
#include <openssl/pem.h>

#include <cstddef>
#include <utility>

#include "signer/csr/der.h"
#include "signer/csr/pem.h"
#include "signer/trust/asn1_time.h"

namespace signet {
tl::expected<Certificate, std::string> decode_certificate(std::string der) {
  if (const auto checked = check_der(der); !checked) {
    return tl::unexpected(checked.error());
  }
  const auto* const begin = reinterpret_cast<const unsigned char*>(der.data());
  const unsigned char* in = begin;
  X509Ptr x509(d2i_X509(nullptr, &in, static_cast<long>(der.size())));
  if (!x509 || in != begin + der.size()) {
    return tl::unexpected("not an X.509 certificate: " + drain_openssl_errors());
  }
  // A key that OpenSSL cannot decode is no failure of d2i, but in the queue.
  drain_openssl_errors();
  if (!to_sys_seconds(*X509_get0_notBefore(x509.get())) || !to_sys_seconds(*X509_get0_notAfter(x509.get()))) {
    return tl::unexpected<std::string>("its validity cannot be read");
  }
  // Lets OpenSSL look at the extensions now, while nobody else reads the object.
  X509_check_purpose(x509.get(), -1, 0);
  if ((X509_get_extension_flags(x509.get()) & EXFLAG_INVALID) != 0) {
    return tl::unexpected("an extension is malformed or comes twice: " + drain_openssl_errors());
  }
  return Certificate{.x509 = std::move(x509), .der = std::move(der)};
}

tl::expected<std::vector<Certificate>, std::string> read_certificates(std::string_view pem) {
  auto blocks = read_pem(pem, "CERTIFICATE", kChainLimits);
  if (!blocks) {
    return tl::unexpected(std::move(blocks.error()));
  }
  std::vector<Certificate> certificates;
  for (std::string& der : *blocks) {
    auto certificate = decode_certificate(std::move(der));
    if (!certificate) {
      return tl::unexpected("certificate " + std::to_string(certificates.size() + 1) + ": " + certificate.error());
    }
    certificates.push_back(std::move(*certificate));
  }
  return certificates;
}

std::string certificate_pem(const Certificate& certificate) {
  const BioPtr out(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(out.get(), certificate.x509.get());
  char* text = nullptr;
  const long size = BIO_get_mem_data(out.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

std::chrono::sys_seconds not_before(const Certificate& certificate) {
  return *to_sys_seconds(*X509_get0_notBefore(certificate.x509.get()));
}

std::chrono::sys_seconds not_after(const Certificate& certificate) {
  return *to_sys_seconds(*X509_get0_notAfter(certificate.x509.get()));
}

std::string spki_of(const Certificate& certificate) {
  X509_PUBKEY* const key = X509_get_X509_PUBKEY(certificate.x509.get());
  std::string der(static_cast<std::size_t>(i2d_X509_PUBKEY(key, nullptr)), '\0');
  auto* out = reinterpret_cast<unsigned char*>(der.data());
  i2d_X509_PUBKEY(key, &out);
  return der;
}

std::string subject_text(const Certificate& certificate) {
  return name_text(*X509_get_subject_name(certificate.x509.get()));
}

std::string name_text(const X509_NAME& name) {
  const BioPtr out(BIO_new(BIO_s_mem()));
  X509_NAME_print_ex(out.get(), &name, 0, XN_FLAG_RFC2253);
  char* text = nullptr;
  const long size = BIO_get_mem_data(out.get(), &text);
  return size > 0 ? std::string(text, static_cast<std::size_t>(size)) : "an empty name";
}

}  // namespace signet
