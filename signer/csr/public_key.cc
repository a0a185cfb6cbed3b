#include "signer/csr/public_key.h"

#include <openssl/core_names.h>
#include <openssl/objects.h>
#include <openssl/params.h>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "signer/csr/der.h"

namespace signet {
namespace {

constexpr std::uint8_t kInteger = 0x02;
constexpr std::uint8_t kSequence = 0x30;
// RFC 5480 §2.2.
constexpr char kUncompressedPoint = 0x04;

// Whatever the bounds on a request let through, nothing larger than this is a key that somebody uses.
constexpr std::size_t kMaxModulusBytes = 2048;

const unsigned char* octets(std::string_view bytes) {
  // OpenSSL takes bytes as unsigned char.
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

struct AlgorithmParts {
  int nid = NID_undef;
  const ASN1_OBJECT* oid = nullptr;
  // V_ASN1_UNDEF when there are none.
  int parameters_type = V_ASN1_UNDEF;
  const void* parameters = nullptr;
};

AlgorithmParts parts_of(const X509_ALGOR& algorithm) {
  AlgorithmParts parts;
  X509_ALGOR_get0(&parts.oid, &parts.parameters_type, &parts.parameters, &algorithm);
  parts.nid = OBJ_obj2nid(parts.oid);
  return parts;
}

// A key with the parameters of `group` and no point. Made once a curve: to look a curve up by name costs more than all
// that is then done with it.
EvpPkeyPtr prepare_curve(const char* group) {
  const EvpPkeyCtxPtr context(EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr));
  std::string name(group);
  OSSL_PARAM parameters[] = {OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, name.data(), 0),
                             OSSL_PARAM_construct_end()};
  EVP_PKEY* key = nullptr;
  if (!context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_KEY_PARAMETERS, parameters) != 1) {
    drain_openssl_errors();
    return nullptr;
  }
  return EvpPkeyPtr(key);
}

struct Curve {
  KeyType type;
  // Of an uncompressed point: 04, x, y.
  std::size_t point_bytes;
  const EVP_PKEY* prepared;
};

std::optional<Curve> curve_named(int nid) {
  static const EvpPkeyPtr p256 = prepare_curve("P-256");
  static const EvpPkeyPtr p384 = prepare_curve("P-384");
  switch (nid) {
    case NID_X9_62_prime256v1:
      return Curve{KeyType::kEcdsaP256, 65, p256.get()};
    case NID_secp384r1:
      return Curve{KeyType::kEcdsaP384, 97, p384.get()};
    default:
      return std::nullopt;
  }
}

tl::expected<RequestKey, std::string> read_ec_key(const AlgorithmParts& algorithm, std::string_view point) {
  if (algorithm.parameters_type != V_ASN1_OBJECT) {
    return tl::unexpected<std::string>("an EC key whose curve is not named");
  }
  const auto* const curve_oid = static_cast<const ASN1_OBJECT*>(algorithm.parameters);
  const int nid = OBJ_obj2nid(curve_oid);
  const std::optional<Curve> curve = curve_named(nid);
  if (!curve) {
    return RequestKey{
        .type = {}, .name = "ECDSA-" + (nid == NID_secp521r1 ? "P521" : "curve-" + dotted(curve_oid)), .pkey = nullptr};
  }
  if (point.size() != curve->point_bytes || point[0] != kUncompressedPoint) {
    return tl::unexpected<std::string>("an EC key that is not an uncompressed point");
  }
  EvpPkeyPtr key(EVP_PKEY_new());
  if (!key || curve->prepared == nullptr || EVP_PKEY_copy_parameters(key.get(), curve->prepared) != 1 ||
      EVP_PKEY_set1_encoded_public_key(key.get(), octets(point), point.size()) != 1) {
    return tl::unexpected("an EC key that is no point on its curve: " + drain_openssl_errors());
  }
  return RequestKey{.type = curve->type, .name = std::string(to_string(curve->type)), .pkey = std::move(key)};
}

std::optional<KeyType> rsa_key_type(std::size_t bits) {
  switch (bits) {
    case 2048:
      return KeyType::kRsa2048;
    case 3072:
      return KeyType::kRsa3072;
    case 4096:
      return KeyType::kRsa4096;
    default:
      return std::nullopt;
  }
}

// The magnitude of an INTEGER without its sign octet, or nothing where it is not positive.
std::optional<std::string_view> positive_magnitude(const std::optional<Tlv>& value) {
  if (!value || value->tag != kInteger || value->content.empty() ||
      static_cast<std::uint8_t>(value->content[0]) >= 0x80) {
    return std::nullopt;
  }
  std::string_view magnitude = value->content;
  if (magnitude[0] == 0) {
    magnitude.remove_prefix(1);
  }
  return magnitude.empty() ? std::nullopt : std::optional(magnitude);
}

// RSAPublicKey (RFC 8017 §A.1.1). What OpenSSL decodes has been measured before.
tl::expected<RequestKey, std::string> read_rsa_key(const AlgorithmParts& algorithm, std::string_view key) {
  if (algorithm.parameters_type != V_ASN1_NULL) {
    return tl::unexpected<std::string>("an RSA key whose algorithm parameters are not NULL");
  }
  if (const auto der = check_der(key); !der) {
    return tl::unexpected("an RSA key that is not one: " + der.error());
  }
  std::string_view rest = key;
  const std::optional<Tlv> sequence = take_tlv(rest);
  std::string_view members = sequence && sequence->tag == kSequence ? sequence->content : std::string_view{};
  const auto modulus = positive_magnitude(take_tlv(members));
  const auto exponent = positive_magnitude(take_tlv(members));
  if (!modulus || !exponent || !members.empty()) {
    return tl::unexpected<std::string>("an RSA key that is not a positive modulus and a positive exponent");
  }
  const auto is_odd = [](std::string_view magnitude) {
    return (static_cast<unsigned char>(magnitude.back()) & 1U) != 0;
  };
  const std::size_t exponent_bits =
      exponent->size() * 8 - static_cast<std::size_t>(std::countl_zero(static_cast<std::uint8_t>(exponent->front())));
  if (!is_odd(*exponent) || exponent_bits < 2 || exponent_bits > 31) {
    return tl::unexpected<std::string>("an RSA key whose public exponent is not an odd number from 3 to 2^31-1");
  }
  if (modulus->size() > kMaxModulusBytes || !is_odd(*modulus)) {
    return tl::unexpected<std::string>("an RSA key whose modulus is even or beyond any size");
  }
  const std::size_t bits =
      modulus->size() * 8 - static_cast<std::size_t>(std::countl_zero(static_cast<std::uint8_t>(modulus->front())));
  const std::optional<KeyType> type = rsa_key_type(bits);
  if (!type) {
    return RequestKey{.type = {}, .name = "RSA-" + std::to_string(bits), .pkey = nullptr};
  }
  const unsigned char* in = octets(key);
  EvpPkeyPtr pkey(d2i_PublicKey(EVP_PKEY_RSA, nullptr, &in, static_cast<long>(key.size())));
  if (!pkey || in != octets(key) + key.size()) {
    return tl::unexpected("an RSA key that cannot be decoded: " + drain_openssl_errors());
  }
  return RequestKey{.type = type, .name = std::string(to_string(*type)), .pkey = std::move(pkey)};
}

std::string algorithm_name(const AlgorithmParts& algorithm) {
  switch (algorithm.nid) {
    case NID_ED25519:
      return "Ed25519";
    case NID_ED448:
      return "Ed448";
    case NID_rsassaPss:
      return "RSA-PSS";
    case NID_dsa:
      return "DSA";
    default:
      return dotted(algorithm.oid);
  }
}

}  // namespace

tl::expected<RequestKey, std::string> read_public_key(const X509_ALGOR& algorithm, std::string_view key) {
  const AlgorithmParts parts = parts_of(algorithm);
  switch (parts.nid) {
    case NID_X9_62_id_ecPublicKey:
      return read_ec_key(parts, key);
    case NID_rsaEncryption:
      return read_rsa_key(parts, key);
    default:
      return RequestKey{.type = {}, .name = algorithm_name(parts), .pkey = nullptr};
  }
}

tl::expected<const EVP_MD*, std::string> signature_digest(const X509_ALGOR& algorithm, const EVP_PKEY& key) {
  // Fetched once: a fetch takes a lock that every thread shares.
  static const EvpMdPtr sha256(EVP_MD_fetch(nullptr, "SHA2-256", nullptr));
  static const EvpMdPtr sha384(EVP_MD_fetch(nullptr, "SHA2-384", nullptr));
  static const EvpMdPtr sha512(EVP_MD_fetch(nullptr, "SHA2-512", nullptr));
  struct Accepted {
    int nid;
    int parameters_type;
    const EVP_MD* digest;
  };
  const Accepted ecdsa[] = {{NID_ecdsa_with_SHA256, V_ASN1_UNDEF, sha256.get()},
                            {NID_ecdsa_with_SHA384, V_ASN1_UNDEF, sha384.get()},
                            {NID_ecdsa_with_SHA512, V_ASN1_UNDEF, sha512.get()}};
  const Accepted rsa[] = {{NID_sha256WithRSAEncryption, V_ASN1_NULL, sha256.get()},
                          {NID_sha384WithRSAEncryption, V_ASN1_NULL, sha384.get()},
                          {NID_sha512WithRSAEncryption, V_ASN1_NULL, sha512.get()}};

  const bool is_ecdsa = EVP_PKEY_get_base_id(&key) == EVP_PKEY_EC;
  const AlgorithmParts parts = parts_of(algorithm);
  for (const Accepted& accepted : is_ecdsa ? ecdsa : rsa) {
    if (parts.nid == accepted.nid && parts.parameters_type == accepted.parameters_type && accepted.digest != nullptr) {
      return accepted.digest;
    }
  }
  return tl::unexpected("signature algorithm " + dotted(parts.oid) + ", where " + (is_ecdsa ? "an EC" : "an RSA") +
                        " key signs with SHA-256, SHA-384 or SHA-512 by " +
                        (is_ecdsa ? "ECDSA without parameters" : "RSASSA-PKCS1-v1_5 with NULL parameters"));
}

bool verifies(EVP_PKEY& key, const EVP_MD& digest, std::string_view message, std::string_view signature) {
  const EvpMdCtxPtr context(EVP_MD_CTX_new());
  if (context && EVP_DigestVerifyInit(context.get(), nullptr, &digest, nullptr, &key) == 1 &&
      EVP_DigestVerify(context.get(), octets(signature), signature.size(), octets(message), message.size()) == 1) {
    return true;
  }
  drain_openssl_errors();
  return false;
}

}  // namespace signet
