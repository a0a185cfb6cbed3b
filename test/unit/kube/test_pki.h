#pragma once

#include <openssl/evp.h>
#include <openssl/x509.h>

#include <memory>
#include <string>

namespace signet {

struct X509Free {
  void operator()(X509* certificate) const { X509_free(certificate); }
};
struct EvpPkeyFree {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};

// A key and its certificate, made anew for a test.
struct TestIdentity {
  std::unique_ptr<EVP_PKEY, EvpPkeyFree> key;
  std::unique_ptr<X509, X509Free> certificate;

  [[nodiscard]] std::string certificate_pem() const;
  [[nodiscard]] std::string key_pem() const;
};

[[nodiscard]] TestIdentity make_test_ca(const std::string& common_name);

// `alt_names` as OpenSSL's configuration writes them ("DNS:localhost,IP:127.0.0.1"); none when empty.
[[nodiscard]] TestIdentity make_test_leaf(const TestIdentity& ca, const std::string& common_name,
                                          const std::string& alt_names);

}  // namespace signet
