#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

namespace signet {

/// The public keys that a policy can allow.
enum class KeyType { kEcdsaP256, kEcdsaP384, kRsa2048, kRsa3072, kRsa4096 };
inline constexpr std::array kKeyTypes = {KeyType::kEcdsaP256, KeyType::kEcdsaP384, KeyType::kRsa2048, KeyType::kRsa3072,
                                         KeyType::kRsa4096};

/// The name in a policy file: "ECDSA-P256", "RSA-2048".
[[nodiscard]] std::string_view to_string(KeyType type);
[[nodiscard]] std::optional<KeyType> key_type_named(std::string_view name);

/// The usages that a policy can allow: those of the Kubernetes CertificateSigningRequest API that a workload's
/// certificate can have. Usages of a CA ("cert sign", "crl sign") and of other professions are none of them.
enum class Usage {
  kDigitalSignature,
  kContentCommitment,
  kKeyEncipherment,
  kDataEncipherment,
  kKeyAgreement,
  kServerAuth,
  kClientAuth
};
inline constexpr std::array kUsages = {Usage::kDigitalSignature, Usage::kContentCommitment, Usage::kKeyEncipherment,
                                       Usage::kDataEncipherment, Usage::kKeyAgreement,      Usage::kServerAuth,
                                       Usage::kClientAuth};

/// The name in the Kubernetes API and in a policy file: "digital signature", "server auth".
[[nodiscard]] std::string_view to_string(Usage usage);
[[nodiscard]] std::optional<Usage> usage_named(std::string_view name);

/// One name of a subject alternative name extension (RFC 5280 §4.2.1.6). Of types other than URI and DNS only the
/// fact that one was asked for matters; `value` is then for people.
struct SubjectAltName {
  enum class Type { kUri, kDns, kIp, kEmail, kOther };
  Type type = Type::kOther;
  std::string value;

  friend bool operator==(const SubjectAltName&, const SubjectAltName&) = default;
};

/// What a PKCS#10 (RFC 2986) asks for, as far as policy judges it.
struct Pkcs10Facts {
  /// Not set: a key that no policy can allow; `key_name` says which ("RSA-1024", "Ed25519").
  std::optional<KeyType> key_type;
  std::string key_name;
  std::string spki;  ///< DER of the SubjectPublicKeyInfo (RFC 5280 §4.1)

  /// Proof of possession. kNotChecked: the key is of no type that a policy can allow, so nothing was computed with it.
  enum class Signature { kVerified, kFailed, kNotChecked };
  Signature signature = Signature::kNotChecked;

  /// What the subject names, "CN=foo", in order; attributes without a value are none. We issue without a subject;
  /// cert-manager copies it.
  std::vector<std::string> subject = {};
  int subject_alt_name_extensions = 0;
  std::vector<SubjectAltName> names;  ///< of all of them, in order
  bool ca_requested = false;          ///< basicConstraints CA=true, or key usage keyCertSign or cRLSign
  /// What key usage and extended key usage name, CA usages aside: names of the Kubernetes API, or what it has no name
  /// for (a dotted OID, "encipher only").
  std::vector<std::string> usages;
  /// Dotted OIDs of requested extensions other than SAN, key usage, extended key usage and basicConstraints.
  std::vector<std::string> other_extensions;
};

/// Everything about a request for a certificate that a decision may rest on.
struct SigningRequest {
  /// A CertificateSigningRequest of Kubernetes, or cert-manager's own CertificateRequest, which cert-manager signs
  /// whoever signs the former.
  enum class Kind { kCertificateSigningRequest, kCertificateRequest };
  Kind kind = Kind::kCertificateSigningRequest;
  std::string uid;   ///< metadata.uid of the object
  std::string name;  ///< metadata.name; empty where the API server has yet to generate it
  std::string signer_name;
  /// Who asked: userInfo at CREATE, spec.username and spec.groups ever after; never the caller of an update.
  std::string requester;
  std::vector<std::string> requester_groups;
  std::vector<std::string> usages;
  std::optional<std::int64_t> expiration_seconds;  ///< of a CertificateRequest: its spec.duration
  /// cert-manager's annotations experimental.cert-manager.io/request-duration and …/request-is-ca, as they stand; of a
  /// CertificateRequest the latter is its spec.isCA.
  std::optional<std::string> annotated_duration;
  std::optional<std::string> annotated_is_ca;
  /// The facts, or why spec.request is not a PKCS#10 that can be judged.
  tl::expected<Pkcs10Facts, std::string> pkcs10;
};

}  // namespace signet
