#include "signer/csr/signing_request_of.h"

#include <optional>
#include <string_view>
#include <utility>

#include "signer/csr/pkcs10.h"

namespace signet {
namespace {

// cert-manager's signer honours these over the spec (https://cert-manager.io/docs/usage/kube-csr/).
constexpr std::string_view kDurationAnnotation = "experimental.cert-manager.io/request-duration";
constexpr std::string_view kIsCaAnnotation = "experimental.cert-manager.io/request-is-ca";

std::optional<std::string> annotation(const CertificateSigningRequest& object, std::string_view name) {
  const auto found = object.annotations.find(name);
  return found == object.annotations.end() ? std::nullopt : std::optional(found->second);
}

}  // namespace

SigningRequest signing_request_of(const CertificateSigningRequest& object, Requester requester) {
  return {.uid = object.uid,
          .name = object.name,
          .signer_name = object.spec.signer_name,
          .requester = std::move(requester.username),
          .requester_groups = std::move(requester.groups),
          .usages = object.spec.usages,
          .expiration_seconds = object.spec.expiration_seconds,
          .annotated_duration = annotation(object, kDurationAnnotation),
          .annotated_is_ca = annotation(object, kIsCaAnnotation),
          .pkcs10 = parse_pkcs10(object.spec.request)};
}

SigningRequest signing_request_of(const CertificateSigningRequest& object) {
  return signing_request_of(object, {.username = object.spec.username, .groups = object.spec.groups});
}

}  // namespace signet
