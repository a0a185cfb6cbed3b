#include "signer/csr/pkcs10.h"

#include <openssl/asn1t.h>
#include <openssl/x509.h>

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "signer/csr/der.h"
#include "signer/csr/openssl_ptr.h"
#include "signer/csr/pem.h"
#include "signer/csr/public_key.h"
#include "signer/csr/requested_extensions.h"

namespace signet {
namespace {

// RFC 2986 §4, with the key left as bits: X509_REQ decodes it at once, which costs more than all the rest.
struct PublicKeyBits {
  X509_ALGOR* algorithm;
  ASN1_BIT_STRING* key;
};

struct RequestInfo {
  ASN1_INTEGER* version;
  X509_NAME* subject;
  PublicKeyBits* public_key;
  STACK_OF(X509_ATTRIBUTE) * attributes;
};

struct Request {
  RequestInfo* info;
  X509_ALGOR* signature_algorithm;
  ASN1_BIT_STRING* signature;
};

ASN1_SEQUENCE(PublicKeyBits) = {ASN1_SIMPLE(PublicKeyBits, algorithm, X509_ALGOR),
                                ASN1_SIMPLE(PublicKeyBits, key,
                                            ASN1_BIT_STRING)} static_ASN1_SEQUENCE_END(PublicKeyBits)

    ASN1_SEQUENCE(RequestInfo) = {ASN1_SIMPLE(RequestInfo, version, ASN1_INTEGER),
                                  ASN1_SIMPLE(RequestInfo, subject, X509_NAME),
                                  ASN1_SIMPLE(RequestInfo, public_key, PublicKeyBits),
                                  ASN1_IMP_SET_OF(RequestInfo, attributes, X509_ATTRIBUTE,
                                                  0)} static_ASN1_SEQUENCE_END(RequestInfo)

        ASN1_SEQUENCE(Request) = {ASN1_SIMPLE(Request, info, RequestInfo),
                                  ASN1_SIMPLE(Request, signature_algorithm, X509_ALGOR),
                                  ASN1_SIMPLE(Request, signature, ASN1_BIT_STRING)} static_ASN1_SEQUENCE_END(Request)

            struct RequestFree {
  void operator()(Request* request) const {
    ASN1_item_free(reinterpret_cast<ASN1_VALUE*>(request), ASN1_ITEM_rptr(Request));
  }
};
using RequestPtr = std::unique_ptr<Request, RequestFree>;

RequestPtr decode_request(std::string_view der) {
  const auto* const begin = reinterpret_cast<const unsigned char*>(der.data());
  const unsigned char* in = begin;
  RequestPtr request(
      reinterpret_cast<Request*>(ASN1_item_d2i(nullptr, &in, static_cast<long>(der.size()), ASN1_ITEM_rptr(Request))));
  return in == begin + der.size() ? std::move(request) : nullptr;
}

// RFC 2986 §4.1: attributes [0], a SET.
constexpr std::uint8_t kAttributesTag = 0xa0;

// The parts of a request that matter byte for byte.
struct ExactBytes {
  std::string_view info;
  std::string_view spki;
  // Behind it, up to the end.
  std::string_view attributes;
};

// `der` must have been decoded as a Request.
ExactBytes exact_bytes(std::string_view der) {
  const std::optional<Tlv> request = take_tlv(der);
  std::string_view request_members = request->content;
  const std::optional<Tlv> info = take_tlv(request_members);
  std::string_view info_members = info->content;
  static_cast<void>(take_tlv(info_members));  // version
  static_cast<void>(take_tlv(info_members));  // subject
  const std::optional<Tlv> spki = take_tlv(info_members);
  return {.info = info->encoding, .spki = spki->encoding, .attributes = info_members};
}

std::string_view bytes_of(const ASN1_STRING& value) {
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(&value)),
          static_cast<std::size_t>(ASN1_STRING_length(&value))};
}

// The octets of a BIT STRING that has whole ones only.
std::optional<std::string_view> octets_of(const ASN1_BIT_STRING& bits) {
  if ((bits.flags & 0x07) != 0) {
    return std::nullopt;
  }
  return bytes_of(bits);
}

bool is_printable(char c) {
  constexpr std::string_view kPunctuation = " '()+,-./:=?";
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         kPunctuation.find(c) != std::string_view::npos;
}

// Whether a text has the characters of its type (X.680 §41), which OpenSSL asks of UTF-8 alone and other readers of
// them all. Of what TeletexString holds beyond ASCII everybody makes something else, and of the types with characters
// of two or four bytes, which no request needs (RFC 5280 §4.1.2.4). True for what is no text.
bool is_read_alike(const ASN1_STRING& value) {
  const std::string_view bytes = bytes_of(value);
  switch (ASN1_STRING_type(&value)) {
    case V_ASN1_PRINTABLESTRING:
      return std::ranges::all_of(bytes, is_printable);
    case V_ASN1_NUMERICSTRING:
      return bytes.find_first_not_of("0123456789 ") == std::string_view::npos;
    case V_ASN1_IA5STRING:
    case V_ASN1_T61STRING:
      return std::ranges::all_of(bytes, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
    case V_ASN1_BMPSTRING:
    case V_ASN1_UNIVERSALSTRING:
      return false;
    default:
      return true;
  }
}

// Each attribute that has a value, as "CN=foo"; a type without a short name is its dotted OID, a value that is no text
// a question mark.
tl::expected<std::vector<std::string>, std::string> subject_names(const X509_NAME& subject) {
  std::vector<std::string> names;
  for (int i = 0; i < X509_NAME_entry_count(&subject); ++i) {
    const X509_NAME_ENTRY* const entry = X509_NAME_get_entry(&subject, i);
    const ASN1_STRING* const value = X509_NAME_ENTRY_get_data(entry);
    if (ASN1_STRING_length(value) == 0) {
      continue;
    }
    const ASN1_OBJECT* const type = X509_NAME_ENTRY_get_object(entry);
    const int nid = OBJ_obj2nid(type);
    const std::string name = nid == NID_undef ? dotted(type) : OBJ_nid2sn(nid);
    if (!is_read_alike(*value)) {
      return tl::unexpected("subject: the text of " + name +
                            " has a type or characters that not everybody reads alike");
    }
    unsigned char* text = nullptr;
    const int size = ASN1_STRING_to_UTF8(&text, value);
    names.push_back(
        name + "=" +
        (size < 0 ? "?" : std::string(reinterpret_cast<const char*>(text), static_cast<std::size_t>(size))));
    OPENSSL_free(text);
    if (size < 0) {
      static_cast<void>(drain_openssl_errors());
    }
  }
  return names;
}

}  // namespace

tl::expected<Pkcs10Facts, std::string> parse_pkcs10(std::string_view pem) {
  const auto blocks = read_pem(pem, "CERTIFICATE REQUEST", {.max_bytes = kMaxRequestPemBytes, .max_blocks = 1});
  if (!blocks) {
    return tl::unexpected(blocks.error());
  }
  const std::string& der = blocks->front();
  if (const auto checked = check_der(der); !checked) {
    return tl::unexpected(checked.error());
  }
  const RequestPtr request = decode_request(der);
  if (!request) {
    return tl::unexpected("not a PKCS#10: " + drain_openssl_errors());
  }
  const ExactBytes exact = exact_bytes(der);
  // With the tag of a primitive value OpenSSL looks into them all the same, and what is in them has not been checked.
  if (static_cast<std::uint8_t>(exact.attributes.front()) != kAttributesTag) {
    return tl::unexpected<std::string>("its attributes are not a SET");
  }
  const RequestInfo& info = *request->info;
  if (ASN1_INTEGER_get(info.version) != 0) {
    return tl::unexpected<std::string>("PKCS#10 version is not 1");
  }
  const auto key_octets = octets_of(*info.public_key->key);
  const auto signature_octets = octets_of(*request->signature);
  if (!key_octets || !signature_octets) {
    return tl::unexpected<std::string>("public key and signature are whole octets");
  }
  auto key = read_public_key(*info.public_key->algorithm, *key_octets);
  if (!key) {
    return tl::unexpected("public key: " + key.error());
  }
  auto facts = read_attributes(*info.attributes);
  if (!facts) {
    return tl::unexpected(std::move(facts.error()));
  }
  auto subject = subject_names(*info.subject);
  if (!subject) {
    return tl::unexpected(std::move(subject.error()));
  }
  facts->key_type = key->type;
  facts->key_name = std::move(key->name);
  facts->spki = exact.spki;
  facts->subject = *std::move(subject);
  if (key->type) {
    const auto digest = signature_digest(*request->signature_algorithm, *key->pkey);
    if (!digest) {
      return tl::unexpected(digest.error());
    }
    facts->signature = verifies(*key->pkey, **digest, exact.info, *signature_octets) ? Pkcs10Facts::Signature::kVerified
                                                                                     : Pkcs10Facts::Signature::kFailed;
  }
  return facts;
}

}  // namespace signet
