#include "test/unit/kube/test_pki.h"

#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <stdexcept>

namespace signet {
namespace {

constexpr long kHour = 3600;

void require(bool condition) {
  if (!condition) throw std::runtime_error("a test certificate cannot be made");
}

template <typename Write>
std::string to_pem(Write write) {
  const std::unique_ptr<BIO, decltype(&BIO_free)> bio(BIO_new(BIO_s_mem()), BIO_free);
  require(write(bio.get()) == 1);
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

void add_extension(X509* certificate, int nid, const std::string& value) {
  X509_EXTENSION* const extension = X509V3_EXT_conf_nid(nullptr, nullptr, nid, value.c_str());
  require(extension != nullptr && X509_add_ext(certificate, extension, -1) == 1);
  X509_EXTENSION_free(extension);
}

TestIdentity make_unsigned(const std::string& common_name) {
  static long serial = 0;
  TestIdentity identity{std::unique_ptr<EVP_PKEY, EvpPkeyFree>(EVP_EC_gen("P-256")),
                        std::unique_ptr<X509, X509Free>(X509_new())};
  X509* const certificate = identity.certificate.get();
  require(identity.key != nullptr && certificate != nullptr);
  X509_set_version(certificate, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), ++serial);
  X509_gmtime_adj(X509_getm_notBefore(certificate), -kHour);
  X509_gmtime_adj(X509_getm_notAfter(certificate), kHour);
  X509_set_pubkey(certificate, identity.key.get());
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(common_name.c_str()), -1, -1, 0);
  return identity;
}

}  // namespace

std::string TestIdentity::certificate_pem() const {
  return to_pem([this](BIO* bio) { return PEM_write_bio_X509(bio, certificate.get()); });
}

std::string TestIdentity::key_pem() const {
  return to_pem(
      [this](BIO* bio) { return PEM_write_bio_PrivateKey(bio, key.get(), nullptr, nullptr, 0, nullptr, nullptr); });
}

TestIdentity make_test_ca(const std::string& common_name) {
  TestIdentity ca = make_unsigned(common_name);
  X509* const certificate = ca.certificate.get();
  X509_set_issuer_name(certificate, X509_get_subject_name(certificate));
  add_extension(certificate, NID_basic_constraints, "critical,CA:TRUE");
  require(X509_sign(certificate, ca.key.get(), EVP_sha256()) != 0);
  return ca;
}

TestIdentity make_test_leaf(const TestIdentity& ca, const std::string& common_name, const std::string& alt_names) {
  TestIdentity leaf = make_unsigned(common_name);
  X509* const certificate = leaf.certificate.get();
  X509_set_issuer_name(certificate, X509_get_subject_name(ca.certificate.get()));
  if (!alt_names.empty()) add_extension(certificate, NID_subject_alt_name, alt_names);
  require(X509_sign(certificate, ca.key.get(), EVP_sha256()) != 0);
  return leaf;
}

}  // namespace signet
