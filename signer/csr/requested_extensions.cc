#include "signer/csr/requested_extensions.h"

#include <arpa/inet.h>
#include <openssl/objects.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "signer/csr/der.h"
#include "signer/csr/openssl_ptr.h"

namespace signet {
namespace {

// A workload has one name, a service as many as it has hosts.
constexpr std::size_t kMaxNames = 100;
// Four are of any use; more are told to policy until a reader would no longer thank for it.
constexpr int kMaxExtensions = 32;
constexpr int kMaxAttributes = 16;
constexpr int kMaxExtendedKeyUsages = 32;

using ExtensionsPtr = std::unique_ptr<STACK_OF(X509_EXTENSION), decltype([](STACK_OF(X509_EXTENSION) * extensions) {
                                        sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
                                      })>;

std::string_view bytes_of(const ASN1_STRING& string) {
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(&string)),
          static_cast<std::size_t>(ASN1_STRING_length(&string))};
}

// Decodes `der`, all of it, with one of OpenSSL's d2i functions. Nothing on failure.
template <typename Ptr, typename D2i>
Ptr decode(D2i d2i, std::string_view der) {
  if (!check_der(der)) {
    return nullptr;
  }
  const auto* const begin = reinterpret_cast<const unsigned char*>(der.data());
  const unsigned char* in = begin;
  Ptr object(d2i(nullptr, &in, static_cast<long>(der.size())));
  if (!object || in != begin + der.size()) {
    drain_openssl_errors();
    return nullptr;
  }
  return object;
}

// A name that is text: IA5String (RFC 5280 §4.2.1.6), of which no host, URI or mailbox needs the control characters.
tl::expected<SubjectAltName, std::string> text_name(SubjectAltName::Type type, const ASN1_STRING& text) {
  const std::string_view bytes = bytes_of(text);
  if (!std::ranges::all_of(bytes, [](char c) { return c >= 0x20 && c <= 0x7e; })) {
    return tl::unexpected<std::string>("a name that is not printable ASCII");
  }
  return SubjectAltName{.type = type, .value = std::string(bytes)};
}

SubjectAltName ip_name(const ASN1_STRING& address) {
  const std::string_view bytes = bytes_of(address);
  std::array<char, INET6_ADDRSTRLEN> text{};
  const int family = bytes.size() == 4 ? AF_INET : AF_INET6;
  if ((bytes.size() != 4 && bytes.size() != 16) ||
      inet_ntop(family, bytes.data(), text.data(), text.size()) == nullptr) {
    return {.type = SubjectAltName::Type::kIp, .value = "an address of " + std::to_string(bytes.size()) + " bytes"};
  }
  return {.type = SubjectAltName::Type::kIp, .value = text.data()};
}

tl::expected<SubjectAltName, std::string> name_of(const GENERAL_NAME& name) {
  const auto other = [](std::string value) {
    return SubjectAltName{.type = SubjectAltName::Type::kOther, .value = std::move(value)};
  };
  switch (name.type) {
    case GEN_URI:
      return text_name(SubjectAltName::Type::kUri, *name.d.uniformResourceIdentifier);
    case GEN_DNS:
      return text_name(SubjectAltName::Type::kDns, *name.d.dNSName);
    case GEN_EMAIL:
      return text_name(SubjectAltName::Type::kEmail, *name.d.rfc822Name);
    case GEN_IPADD:
      return ip_name(*name.d.iPAddress);
    case GEN_OTHERNAME:
      return other("otherName " + dotted(name.d.otherName->type_id));
    case GEN_DIRNAME:
      return other("directoryName");
    case GEN_RID:
      return other("registeredID " + dotted(name.d.registeredID));
    case GEN_X400:
      return other("x400Address");
    case GEN_EDIPARTY:
      return other("ediPartyName");
    default:
      return tl::unexpected<std::string>("a name of no known type");
  }
}

// Whether each of GeneralNames (RFC 5280 §4.2.1.6) is in the form that DER demands of its type: text and addresses in
// one piece (X.690 §10.2). OpenSSL puts pieces together, where other readers see no name, or another. `der` must have
// been decoded as GeneralNames.
bool are_in_one_piece(std::string_view der) {
  constexpr std::string_view kTags = "\xa0\x81\x82\xa3\xa4\xa5\x86\x87\x88";  // [0] otherName to [8] registeredID
  std::string_view names = take_tlv(der)->content;
  while (const std::optional<Tlv> name = take_tlv(names)) {
    if (kTags.find(static_cast<char>(name->tag)) == std::string_view::npos) {
      return false;
    }
  }
  return true;
}

// GeneralNames, RFC 5280 §4.2.1.6.
tl::expected<void, std::string> add_names(std::string_view der, Pkcs10Facts& facts) {
  const auto names = decode<GeneralNamesPtr>(d2i_GENERAL_NAMES, der);
  if (!names) {
    return tl::unexpected<std::string>("not a list of names");
  }
  if (!are_in_one_piece(der)) {
    return tl::unexpected<std::string>("a name that is not in one piece");
  }
  for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i) {
    if (facts.names.size() == kMaxNames) {
      return tl::unexpected("more than " + std::to_string(kMaxNames) + " names");
    }
    auto name = name_of(*sk_GENERAL_NAME_value(names.get(), i));
    if (!name) {
      return tl::unexpected(std::move(name.error()));
    }
    facts.names.push_back(std::move(*name));
  }
  ++facts.subject_alt_name_extensions;
  return {};
}

// RFC 5280 §4.2.1.3, by bit.
constexpr std::array<std::string_view, 9> kKeyUsages = {"digital signature", "content commitment", "key encipherment",
                                                        "data encipherment", "key agreement",      "cert sign",
                                                        "crl sign",          "encipher only",      "decipher only"};
constexpr int kKeyCertSign = 5;
constexpr int kCrlSign = 6;

tl::expected<void, std::string> add_key_usage(std::string_view der, Pkcs10Facts& facts) {
  const auto bits = decode<Asn1BitStringPtr>(d2i_ASN1_BIT_STRING, der);
  // Nine bits fit into two octets.
  if (!bits || ASN1_STRING_length(bits.get()) > 2) {
    return tl::unexpected<std::string>("not a string of at most nine bits");
  }
  for (int bit = 0; bit < 16; ++bit) {
    if (ASN1_BIT_STRING_get_bit(bits.get(), bit) == 0) {
      continue;
    }
    if (bit >= static_cast<int>(kKeyUsages.size())) {
      return tl::unexpected("bit " + std::to_string(bit) + " has no meaning");
    }
    if (bit == kKeyCertSign || bit == kCrlSign) {
      facts.ca_requested = true;
    } else {
      facts.usages.emplace_back(kKeyUsages[static_cast<std::size_t>(bit)]);
    }
  }
  return {};
}

// RFC 5280 §4.2.1.12.
tl::expected<void, std::string> add_extended_key_usage(std::string_view der, Pkcs10Facts& facts) {
  const auto usages = decode<ExtendedKeyUsagePtr>(d2i_EXTENDED_KEY_USAGE, der);
  if (!usages || sk_ASN1_OBJECT_num(usages.get()) > kMaxExtendedKeyUsages) {
    return tl::unexpected("not a list of at most " + std::to_string(kMaxExtendedKeyUsages) + " object identifiers");
  }
  for (int i = 0; i < sk_ASN1_OBJECT_num(usages.get()); ++i) {
    const ASN1_OBJECT* const oid = sk_ASN1_OBJECT_value(usages.get(), i);
    switch (OBJ_obj2nid(oid)) {
      case NID_server_auth:
        facts.usages.emplace_back(to_string(Usage::kServerAuth));
        break;
      case NID_client_auth:
        facts.usages.emplace_back(to_string(Usage::kClientAuth));
        break;
      default:
        facts.usages.push_back(dotted(oid));
    }
  }
  return {};
}

// RFC 5280 §4.2.1.9.
tl::expected<void, std::string> add_basic_constraints(std::string_view der, Pkcs10Facts& facts) {
  const auto constraints = decode<BasicConstraintsPtr>(d2i_BASIC_CONSTRAINTS, der);
  if (!constraints) {
    return tl::unexpected<std::string>("not CA and a path length");
  }
  if (constraints->ca != 0) {
    facts.ca_requested = true;
  } else if (constraints->pathlen != nullptr) {
    return tl::unexpected<std::string>("a path length without CA");
  }
  return {};
}

tl::expected<void, std::string> add_extension(const ASN1_OBJECT* oid, std::string_view value, Pkcs10Facts& facts) {
  switch (OBJ_obj2nid(oid)) {
    case NID_subject_alt_name:
      return add_names(value, facts);
    case NID_key_usage:
      return add_key_usage(value, facts);
    case NID_ext_key_usage:
      return add_extended_key_usage(value, facts);
    case NID_basic_constraints:
      return add_basic_constraints(value, facts);
    default:
      facts.other_extensions.push_back(dotted(oid));
      return {};
  }
}

using Stack = STACK_OF(X509_EXTENSION);

tl::expected<void, std::string> add_extensions(const Stack& extensions, Pkcs10Facts& facts) {
  std::set<std::string> seen;
  for (int i = 0; i < sk_X509_EXTENSION_num(&extensions); ++i) {
    X509_EXTENSION* const extension = sk_X509_EXTENSION_value(&extensions, i);
    const ASN1_OBJECT* const oid = X509_EXTENSION_get_object(extension);
    const std::string name = dotted(oid);
    if (!seen.insert(name).second && OBJ_obj2nid(oid) != NID_subject_alt_name) {
      return tl::unexpected("extension " + name + " comes twice");
    }
    const auto added = add_extension(oid, bytes_of(*X509_EXTENSION_get_data(extension)), facts);
    if (!added) {
      return tl::unexpected("extension " + name + ": " + added.error());
    }
  }
  return {};
}

tl::expected<void, std::string> add_requested(const X509_ATTRIBUTE& attribute, Pkcs10Facts& facts) {
  // The accessors of an attribute take no const one.
  auto* const readable = const_cast<X509_ATTRIBUTE*>(&attribute);
  const ASN1_TYPE* const value =
      X509_ATTRIBUTE_count(&attribute) == 1 ? X509_ATTRIBUTE_get0_type(readable, 0) : nullptr;
  if (value == nullptr || ASN1_TYPE_get(value) != V_ASN1_SEQUENCE) {
    return tl::unexpected<std::string>("extensionRequest does not have exactly one value that is a SEQUENCE");
  }
  const auto extensions = decode<ExtensionsPtr>(d2i_X509_EXTENSIONS, bytes_of(*value->value.sequence));
  if (!extensions || sk_X509_EXTENSION_num(extensions.get()) > kMaxExtensions) {
    return tl::unexpected("extensionRequest is not a list of at most " + std::to_string(kMaxExtensions) +
                          " extensions");
  }
  return add_extensions(*extensions, facts);
}

}  // namespace

tl::expected<Pkcs10Facts, std::string> read_attributes(const STACK_OF(X509_ATTRIBUTE) & attributes) {
  const int count = sk_X509_ATTRIBUTE_num(&attributes);
  if (count > kMaxAttributes) {
    return tl::unexpected("more than " + std::to_string(kMaxAttributes) + " attributes");
  }
  Pkcs10Facts facts;
  bool extensions_seen = false;
  for (int i = 0; i < count; ++i) {
    X509_ATTRIBUTE* const attribute = sk_X509_ATTRIBUTE_value(&attributes, i);
    const ASN1_OBJECT* const oid = X509_ATTRIBUTE_get0_object(attribute);
    if (OBJ_obj2nid(oid) != NID_ext_req) {
      facts.other_extensions.push_back(dotted(oid));
      continue;
    }
    if (std::exchange(extensions_seen, true)) {
      return tl::unexpected<std::string>("extensionRequest comes twice");
    }
    const auto added = add_requested(*attribute, facts);
    if (!added) {
      return tl::unexpected(added.error());
    }
  }
  return facts;
}

tl::expected<Pkcs10Facts, std::string> read_extensions(const STACK_OF(X509_EXTENSION) & extensions) {
  if (sk_X509_EXTENSION_num(&extensions) > kMaxExtensions) {
    return tl::unexpected("more than " + std::to_string(kMaxExtensions) + " extensions");
  }
  Pkcs10Facts facts;
  if (auto added = add_extensions(extensions, facts); !added) {
    return tl::unexpected(std::move(added.error()));
  }
  return facts;
}

}  // namespace signet
