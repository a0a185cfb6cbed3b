#include "signer/issue/certificate_parts.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <ctime>

namespace signet {
namespace {

constexpr int kKeyIdentifierBytes = 20;

}  // namespace

std::optional<SerialNumber> random_serial() {
  SerialNumber serial{};
  do {
    if (RAND_bytes(serial.data(), static_cast<int>(serial.size())) != 1) return std::nullopt;
  } while (std::ranges::all_of(serial, [](unsigned char byte) { return byte == 0; }));
  return serial;
}

bool set_serial(X509& certificate, const SerialNumber& serial) {
  const BignumPtr number(BN_bin2bn(serial.data(), static_cast<int>(serial.size()), nullptr));
  return number && BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(&certificate)) != nullptr;
}

bool set_validity(X509& certificate, const Validity& validity) {
  const auto set = [](ASN1_TIME* time, std::chrono::sys_seconds value) {
    return ASN1_TIME_set(time, static_cast<std::time_t>(value.time_since_epoch().count())) != nullptr;
  };
  return set(X509_getm_notBefore(&certificate), validity.not_before) &&
         set(X509_getm_notAfter(&certificate), validity.not_after);
}

bool add_extension(X509& certificate, int nid, void* value, bool critical) {
  return X509_add1_ext_i2d(&certificate, nid, value, critical ? 1 : 0, X509V3_ADD_APPEND) == 1;
}

Asn1OctetStringPtr key_identifier(const X509& certificate) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int length = 0;
  Asn1OctetStringPtr identifier(ASN1_OCTET_STRING_new());
  if (!identifier || X509_pubkey_digest(&certificate, EVP_sha256(), digest.data(), &length) != 1 ||
      ASN1_OCTET_STRING_set(identifier.get(), digest.data(), kKeyIdentifierBytes) != 1) {
    return nullptr;
  }
  return identifier;
}

std::string pem_of(const X509& certificate) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  if (!bio || PEM_write_bio_X509(bio.get(), &certificate) != 1) return {};
  char* text = nullptr;
  const long length = BIO_get_mem_data(bio.get(), &text);
  return length > 0 ? std::string(text, static_cast<std::size_t>(length)) : std::string();
}

}  // namespace signet
