#include "signer/trust/leaf_certificate.h"

#include <openssl/asn1t.h>

#include <cstdint>
#include <optional>
#include <utility>

#include "signer/csr/der.h"
#include "signer/csr/openssl_ptr.h"
#include "signer/trust/asn1_time.h"

namespace signet {
namespace {

constexpr std::uint8_t kVersionTag = 0xA0;  // [0] EXPLICIT, RFC 5280 §4.1

struct SignedParts {
  ASN1_INTEGER* version;
  ASN1_INTEGER* serial;
  X509_ALGOR* algorithm;
  X509_NAME* issuer;
  X509_VAL* validity;
  X509_NAME* subject;
  ASN1_TYPE* public_key;
  ASN1_BIT_STRING* issuer_id;
  ASN1_BIT_STRING* subject_id;
  STACK_OF(X509_EXTENSION) * extensions;
};

// RFC 5280 §4.1, the SubjectPublicKeyInfo as whatever it is: it is compared, not used.
ASN1_SEQUENCE(SignedParts) = {ASN1_EXP_OPT(SignedParts, version, ASN1_INTEGER, 0),
                              ASN1_SIMPLE(SignedParts, serial, ASN1_INTEGER),
                              ASN1_SIMPLE(SignedParts, algorithm, X509_ALGOR),
                              ASN1_SIMPLE(SignedParts, issuer, X509_NAME),
                              ASN1_SIMPLE(SignedParts, validity, X509_VAL),
                              ASN1_SIMPLE(SignedParts, subject, X509_NAME),
                              ASN1_SIMPLE(SignedParts, public_key, ASN1_ANY),
                              ASN1_IMP_OPT(SignedParts, issuer_id, ASN1_BIT_STRING, 1),
                              ASN1_IMP_OPT(SignedParts, subject_id, ASN1_BIT_STRING, 2),
                              ASN1_EXP_SEQUENCE_OF_OPT(SignedParts, extensions, X509_EXTENSION,
                                                       3)} static_ASN1_SEQUENCE_END(SignedParts)

    struct Whole {
  SignedParts* signed_parts;
  X509_ALGOR* algorithm;
  ASN1_BIT_STRING* signature;
};

ASN1_SEQUENCE(Whole) = {ASN1_SIMPLE(Whole, signed_parts, SignedParts), ASN1_SIMPLE(Whole, algorithm, X509_ALGOR),
                        ASN1_SIMPLE(Whole, signature, ASN1_BIT_STRING)} static_ASN1_SEQUENCE_END(Whole)

    // The two parts that matter byte for byte. `der` must have been decoded as a Whole.
    struct ExactBytes {
  std::string_view signed_part;
  std::string_view spki;
};

ExactBytes exact_bytes(std::string_view der) {
  std::string_view members = take_tlv(der)->content;
  const Tlv signed_part = *take_tlv(members);
  std::string_view fields = signed_part.content;
  if (static_cast<std::uint8_t>(fields.front()) == kVersionTag) {
    static_cast<void>(take_tlv(fields));
  }
  constexpr int kFieldsBefore = 5;  // serialNumber, signature, issuer, validity, subject
  for (int i = 0; i < kFieldsBefore; ++i) {
    static_cast<void>(take_tlv(fields));
  }
  return {.signed_part = signed_part.encoding, .spki = take_tlv(fields)->encoding};
}

}  // namespace

struct LeafCertificate::Parts : Whole {};

void LeafCertificate::Free::operator()(Parts* parts) const {
  ASN1_item_free(reinterpret_cast<ASN1_VALUE*>(parts), ASN1_ITEM_rptr(Whole));
}

LeafCertificate::LeafCertificate(std::string der, PartsPtr parts, std::chrono::sys_seconds not_before,
                                 std::chrono::sys_seconds not_after)
    : der_(std::move(der)), parts_(std::move(parts)), not_before_(not_before), not_after_(not_after) {}

tl::expected<LeafCertificate, std::string> LeafCertificate::parse(std::string der) {
  if (const auto checked = check_der(der); !checked) {
    return tl::unexpected(checked.error());
  }
  const auto* const begin = reinterpret_cast<const unsigned char*>(der.data());
  const unsigned char* in = begin;
  PartsPtr parts(
      reinterpret_cast<Parts*>(ASN1_item_d2i(nullptr, &in, static_cast<long>(der.size()), ASN1_ITEM_rptr(Whole))));
  if (!parts || in != begin + der.size() || ASN1_TYPE_get(parts->signed_parts->public_key) != V_ASN1_SEQUENCE) {
    return tl::unexpected("not an X.509 certificate: " + drain_openssl_errors());
  }
  if (X509_ALGOR_cmp(parts->algorithm, parts->signed_parts->algorithm) != 0) {
    return tl::unexpected<std::string>("it names two signature algorithms");
  }
  if ((parts->signature->flags & 0x07) != 0) {
    return tl::unexpected<std::string>("its signature is not whole octets");
  }
  const auto not_before = to_sys_seconds(*parts->signed_parts->validity->notBefore);
  const auto not_after = to_sys_seconds(*parts->signed_parts->validity->notAfter);
  if (!not_before || !not_after) {
    return tl::unexpected<std::string>("its validity cannot be read");
  }
  return LeafCertificate(std::move(der), std::move(parts), *not_before, *not_after);
}

long LeafCertificate::version() const {
  const ASN1_INTEGER* const version = parts_->signed_parts->version;
  return version == nullptr ? 1 : ASN1_INTEGER_get(version) + 1;
}

const X509_NAME& LeafCertificate::issuer() const { return *parts_->signed_parts->issuer; }

const X509_NAME& LeafCertificate::subject() const { return *parts_->signed_parts->subject; }

const STACK_OF(X509_EXTENSION) * LeafCertificate::extensions() const { return parts_->signed_parts->extensions; }

std::string_view LeafCertificate::spki() const { return exact_bytes(der_).spki; }

std::string_view LeafCertificate::signed_part() const { return exact_bytes(der_).signed_part; }

std::string_view LeafCertificate::signature() const {
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(parts_->signature)),
          static_cast<std::size_t>(ASN1_STRING_length(parts_->signature))};
}

const X509_ALGOR& LeafCertificate::signature_algorithm() const { return *parts_->algorithm; }

}  // namespace signet
