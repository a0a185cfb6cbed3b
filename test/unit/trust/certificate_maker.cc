#include "test/unit/trust/certificate_maker.h"

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <catch2/catch.hpp>

namespace signet::test {
namespace {

long g_serial = 1000;

void sign_certificate(X509& x509, const CertificateSpec& spec, EVP_PKEY& key, X509* issuer, EVP_PKEY& issuer_key) {
  X509_set_version(&x509, spec.version);
  ASN1_INTEGER_set(X509_get_serialNumber(&x509), ++g_serial);
  X509_NAME* const subject = X509_get_subject_name(&x509);
  if (!spec.common_name.empty()) {
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8,
                               reinterpret_cast<const unsigned char*>(spec.common_name.c_str()), -1, -1, 0);
  }
  X509_set_issuer_name(&x509, issuer == nullptr ? subject : X509_get_subject_name(issuer));
  ASN1_TIME_set(X509_getm_notBefore(&x509), std::chrono::system_clock::to_time_t(spec.not_before));
  ASN1_TIME_set(X509_getm_notAfter(&x509), std::chrono::system_clock::to_time_t(spec.not_after));
  REQUIRE(X509_set_pubkey(&x509, &key) == 1);
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer == nullptr ? &x509 : issuer, &x509, nullptr, nullptr, 0);
  for (const auto& [name, value] : spec.extensions) {
    const X509ExtensionPtr extension(X509V3_EXT_nconf(nullptr, &context, name.c_str(), value.c_str()));
    INFO(name << "=" << value);
    REQUIRE(extension);
    X509_add_ext(&x509, extension.get(), -1);
  }
  REQUIRE(X509_sign(&x509, &issuer_key, EVP_PKEY_is_a(&issuer_key, "ED25519") == 1 ? nullptr : spec.digest) > 0);
}

}  // namespace

EvpPkeyPtr make_key(const std::string& name) {
  EvpPkeyPtr key;
  if (name.starts_with("RSA-")) {
    key.reset(EVP_RSA_gen(static_cast<unsigned>(std::stoi(name.substr(4)))));
  } else if (name.starts_with("P-")) {
    key.reset(EVP_EC_gen(name.c_str()));
  } else {
    key.reset(EVP_PKEY_Q_keygen(nullptr, nullptr, name.c_str()));
  }
  REQUIRE(key);
  return key;
}

std::string spki_of(const EVP_PKEY& key) {
  std::string der(static_cast<std::size_t>(i2d_PUBKEY(&key, nullptr)), '\0');
  auto* out = reinterpret_cast<unsigned char*>(der.data());
  i2d_PUBKEY(&key, &out);
  return der;
}

CertificateSpec& CertificateSpec::with(const std::string& name, const std::string& value) {
  const auto found = std::ranges::find(
      extensions, name, [](const std::pair<std::string, std::string>& extension) { return extension.first; });
  if (value.empty()) {
    REQUIRE(found != extensions.end());
    extensions.erase(found);
  } else if (found != extensions.end()) {
    found->second = value;
  } else {
    extensions.emplace_back(name, value);
  }
  return *this;
}

std::string Issued::pem() const {
  const BioPtr out(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(out.get(), x509.get());
  char* text = nullptr;
  const long size = BIO_get_mem_data(out.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

CertificateSpec ca_spec(const std::string& common_name) {
  return {.common_name = common_name,
          .not_before = kNow - std::chrono::hours(24 * 180),
          .not_after = kNow + std::chrono::hours(24 * 180),
          .extensions = {{"basicConstraints", "critical,CA:TRUE"},
                         {"keyUsage", "critical,keyCertSign,cRLSign"},
                         {"subjectKeyIdentifier", "hash"}}};
}

Issued make_certificate(const CertificateSpec& spec, const Issued* issuer, const std::string& key) {
  Issued made{.x509 = X509Ptr(X509_new()), .key = make_key(key)};
  EVP_PKEY& issuer_key = issuer == nullptr ? *made.key : *issuer->key;
  sign_certificate(*made.x509, spec, *made.key, issuer == nullptr ? nullptr : issuer->x509.get(), issuer_key);
  return made;
}

Issued make_certificate(const CertificateSpec& spec, const Issued& issuer, EVP_PKEY& key) {
  Issued made{.x509 = X509Ptr(X509_new()), .key = nullptr};
  sign_certificate(*made.x509, spec, key, issuer.x509.get(), *issuer.key);
  return made;
}

}  // namespace signet::test
