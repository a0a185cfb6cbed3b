#include "signer/issue/certificate_profile.h"

#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/x509v3.h>

#include <memory>
#include <optional>
#include <utility>

#include "signer/csr/der.h"

namespace signet {
namespace {

constexpr unsigned char kSequence = 0x30;
constexpr unsigned char kBitString = 0x03;

// The bit of RFC 5280 §4.2.1.3, or nothing for an extended usage.
std::optional<int> key_usage_bit(Usage usage) {
  switch (usage) {
    case Usage::kDigitalSignature:
      return 0;
    case Usage::kContentCommitment:
      return 1;
    case Usage::kKeyEncipherment:
      return 2;
    case Usage::kDataEncipherment:
      return 3;
    case Usage::kKeyAgreement:
      return 4;
    case Usage::kServerAuth:
    case Usage::kClientAuth:
      return std::nullopt;
  }
  return std::nullopt;
}

int extended_key_usage(Usage usage) { return usage == Usage::kServerAuth ? NID_server_auth : NID_client_auth; }

bool add_basic_constraints(X509& certificate) {
  const BasicConstraintsPtr constraints(BASIC_CONSTRAINTS_new());
  return constraints && add_extension(certificate, NID_basic_constraints, constraints.get(), true);
}

bool add_key_usage(X509& certificate, const std::vector<Usage>& usages) {
  const Asn1BitStringPtr bits(ASN1_BIT_STRING_new());
  if (!bits) return false;
  bool any = false;
  for (const Usage usage : usages) {
    const std::optional<int> bit = key_usage_bit(usage);
    if (!bit) continue;
    if (ASN1_BIT_STRING_set_bit(bits.get(), *bit, 1) != 1) return false;
    any = true;
  }
  return !any || add_extension(certificate, NID_key_usage, bits.get(), true);
}

bool add_extended_key_usage(X509& certificate, const std::vector<Usage>& usages) {
  const ExtendedKeyUsagePtr extended(sk_ASN1_OBJECT_new_null());
  if (!extended) return false;
  for (const Usage usage : usages) {
    if (key_usage_bit(usage)) continue;
    if (sk_ASN1_OBJECT_push(extended.get(), OBJ_nid2obj(extended_key_usage(usage))) <= 0) return false;
  }
  return sk_ASN1_OBJECT_num(extended.get()) == 0 ||
         add_extension(certificate, NID_ext_key_usage, extended.get(), false);
}

using GeneralNamePtr = OpensslPtr<GENERAL_NAME, GENERAL_NAME_free>;
using Ia5StringPtr = OpensslPtr<ASN1_IA5STRING, ASN1_IA5STRING_free>;

// RFC 5280 §4.2.1.6. Null for what is no name that is granted.
GeneralNamePtr general_name(const SubjectAltName& name) {
  GeneralNamePtr entry(GENERAL_NAME_new());
  if (!entry) return nullptr;
  switch (name.type) {
    case SubjectAltName::Type::kUri:
    case SubjectAltName::Type::kDns: {
      Ia5StringPtr value(ASN1_IA5STRING_new());
      if (!value || ASN1_STRING_set(value.get(), name.value.data(), static_cast<int>(name.value.size())) != 1) {
        return nullptr;
      }
      GENERAL_NAME_set0_value(entry.get(), name.type == SubjectAltName::Type::kUri ? GEN_URI : GEN_DNS,
                              value.release());
      return entry;
    }
    case SubjectAltName::Type::kIp: {
      Asn1OctetStringPtr address(a2i_IPADDRESS(name.value.c_str()));
      if (!address) return nullptr;
      GENERAL_NAME_set0_value(entry.get(), GEN_IPADD, address.release());
      return entry;
    }
    case SubjectAltName::Type::kEmail:
    case SubjectAltName::Type::kOther:
      break;
  }
  return nullptr;
}

bool add_names(X509& certificate, const std::vector<SubjectAltName>& names) {
  const GeneralNamesPtr list(GENERAL_NAMES_new());
  if (!list) return false;
  for (const SubjectAltName& name : names) {
    GeneralNamePtr entry = general_name(name);
    if (!entry) return false;
    if (sk_GENERAL_NAME_push(list.get(), entry.get()) <= 0) return false;
    static_cast<void>(entry.release());
  }
  return add_extension(certificate, NID_subject_alt_name, list.get(), true);
}

using AuthorityKeyIdPtr = OpensslPtr<AUTHORITY_KEYID, AUTHORITY_KEYID_free>;

bool add_key_identifiers(X509& certificate, X509& issuer) {
  const Asn1OctetStringPtr subject = key_identifier(certificate);
  const AuthorityKeyIdPtr authority(AUTHORITY_KEYID_new());
  if (!subject || !authority) return false;
  // What the issuer's own certificate says, for verifiers compare the two (RFC 5280 §4.2.1.1).
  const ASN1_OCTET_STRING* const named = X509_get0_subject_key_id(&issuer);
  authority->keyid = named != nullptr ? ASN1_OCTET_STRING_dup(named) : key_identifier(issuer).release();
  return authority->keyid != nullptr && add_extension(certificate, NID_subject_key_identifier, subject.get(), false) &&
         add_extension(certificate, NID_authority_key_identifier, authority.get(), false);
}

struct BytesFree {
  void operator()(unsigned char* bytes) const { OPENSSL_free(bytes); }
};
using BytesPtr = std::unique_ptr<unsigned char, BytesFree>;

// Puts algorithm and key bits where they belong: X509_set_pubkey would need the key decoded, which costs more than
// signing with P-256.
bool set_public_key(X509& certificate, std::string_view spki) {
  std::string_view rest = spki;
  const std::optional<Tlv> whole = take_tlv(rest);
  if (!whole || whole->tag != kSequence || !rest.empty()) return false;
  std::string_view members = whole->content;
  const std::optional<Tlv> algorithm = take_tlv(members);
  const std::optional<Tlv> bits = take_tlv(members);
  if (!algorithm || !bits || !members.empty() || bits->tag != kBitString || bits->content.size() < 2 ||
      bits->content.front() != '\0') {
    return false;
  }
  using AlgorithmPtr = OpensslPtr<X509_ALGOR, X509_ALGOR_free>;
  const auto* in = reinterpret_cast<const unsigned char*>(algorithm->encoding.data());
  const AlgorithmPtr parsed(d2i_X509_ALGOR(nullptr, &in, static_cast<long>(algorithm->encoding.size())));
  if (!parsed) return false;
  const ASN1_OBJECT* object = nullptr;
  int type = V_ASN1_UNDEF;
  const void* parameter = nullptr;
  X509_ALGOR_get0(&object, &type, &parameter, parsed.get());
  // RSA has a NULL there (RFC 3279 §2.3.1), EC the name of its curve (RFC 5480 §2.1.1).
  if (type != V_ASN1_NULL && type != V_ASN1_OBJECT) return false;
  using ObjectPtr = OpensslPtr<ASN1_OBJECT, ASN1_OBJECT_free>;
  ObjectPtr own_object(OBJ_dup(object));
  ObjectPtr own_parameter(type == V_ASN1_OBJECT ? OBJ_dup(static_cast<const ASN1_OBJECT*>(parameter)) : nullptr);
  const std::string_view octets = bits->content.substr(1);
  BytesPtr own_octets(static_cast<unsigned char*>(OPENSSL_memdup(octets.data(), octets.size())));
  if (!own_object || (type == V_ASN1_OBJECT && !own_parameter) || !own_octets ||
      X509_PUBKEY_set0_param(X509_get_X509_PUBKEY(&certificate), own_object.get(), type, own_parameter.get(),
                             own_octets.get(), static_cast<int>(octets.size())) != 1) {
    return false;
  }
  // The certificate's now.
  static_cast<void>(own_object.release());
  static_cast<void>(own_parameter.release());
  static_cast<void>(own_octets.release());
  return true;
}

bool has_public_key(const X509& certificate, std::string_view spki) {
  unsigned char* out = nullptr;
  const int length = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(&certificate), &out);
  const BytesPtr der(out);
  return length >= 0 && std::string_view(reinterpret_cast<char*>(out), static_cast<std::size_t>(length)) == spki;
}

}  // namespace

tl::expected<X509Ptr, std::string> build_certificate(const Grant::Terms& terms, X509& issuer,
                                                     const SerialNumber& serial, const Validity& validity) {
  X509Ptr certificate(X509_new());
  if (!certificate || X509_set_version(certificate.get(), X509_VERSION_3) != 1 || !set_serial(*certificate, serial) ||
      X509_set_issuer_name(certificate.get(), X509_get_subject_name(&issuer)) != 1 ||
      !set_validity(*certificate, validity) || !set_public_key(*certificate, terms.spki) ||
      !has_public_key(*certificate, terms.spki) || !add_key_usage(*certificate, terms.usages) ||
      !add_extended_key_usage(*certificate, terms.usages) || !add_basic_constraints(*certificate) ||
      !add_key_identifiers(*certificate, issuer) || !add_names(*certificate, terms.names)) {
    return tl::unexpected("cannot build the certificate: " + drain_openssl_errors());
  }
  return certificate;
}

}  // namespace signet
