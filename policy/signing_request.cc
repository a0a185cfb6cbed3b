#include "policy/signing_request.h"

#include <algorithm>

namespace signet {

std::string_view to_string(KeyType type) {
  switch (type) {
    case KeyType::kEcdsaP256:
      return "ECDSA-P256";
    case KeyType::kEcdsaP384:
      return "ECDSA-P384";
    case KeyType::kRsa2048:
      return "RSA-2048";
    case KeyType::kRsa3072:
      return "RSA-3072";
    case KeyType::kRsa4096:
      return "RSA-4096";
  }
  return {};
}

std::optional<KeyType> key_type_named(std::string_view name) {
  const auto* const found = std::ranges::find(kKeyTypes, name, [](KeyType type) { return to_string(type); });
  return found == kKeyTypes.end() ? std::nullopt : std::optional(*found);
}

std::string_view to_string(Usage usage) {
  switch (usage) {
    case Usage::kDigitalSignature:
      return "digital signature";
    case Usage::kContentCommitment:
      return "content commitment";
    case Usage::kKeyEncipherment:
      return "key encipherment";
    case Usage::kDataEncipherment:
      return "data encipherment";
    case Usage::kKeyAgreement:
      return "key agreement";
    case Usage::kServerAuth:
      return "server auth";
    case Usage::kClientAuth:
      return "client auth";
  }
  return {};
}

std::optional<Usage> usage_named(std::string_view name) {
  const auto* const found = std::ranges::find(kUsages, name, [](Usage usage) { return to_string(usage); });
  return found == kUsages.end() ? std::nullopt : std::optional(*found);
}

}  // namespace signet
