#include "signer/csr/signing_request_of.h"

#include <chrono>
#include <optional>
#include <string_view>
#include <utility>

#include "policy/duration.h"
#include "policy/quoting.h"
#include "signer/csr/recent_requests.h"

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
  return {.kind = SigningRequest::Kind::kCertificateSigningRequest,
          .uid = object.uid,
          .name = object.name,
          .signer_name = object.spec.signer_name,
          .requester = std::move(requester.username),
          .requester_groups = std::move(requester.groups),
          .usages = object.spec.usages,
          .expiration_seconds = object.spec.expiration_seconds,
          .annotated_duration = annotation(object, kDurationAnnotation),
          .annotated_is_ca = annotation(object, kIsCaAnnotation),
          .pkcs10 = parse_recent_pkcs10(object.spec.request)};
}

SigningRequest signing_request_of(const CertificateSigningRequest& object) {
  return signing_request_of(object, {.username = object.spec.username, .groups = object.spec.groups});
}

tl::expected<SigningRequest, std::string> signing_request_of(const CertificateRequest& request, std::string signer_name,
                                                             Requester requester) {
  SigningRequest facts{.kind = SigningRequest::Kind::kCertificateRequest,
                       .uid = request.uid,
                       .name = request.name,
                       .signer_name = std::move(signer_name),
                       .requester = std::move(requester.username),
                       .requester_groups = std::move(requester.groups),
                       .usages = request.usages,
                       .expiration_seconds = std::nullopt,
                       .annotated_duration = std::nullopt,
                       .annotated_is_ca = request.is_ca ? "true" : "false",
                       .pkcs10 = parse_recent_pkcs10(request.request)};
  if (facts.usages.empty()) {
    facts.usages = {std::string(to_string(Usage::kDigitalSignature)), std::string(to_string(Usage::kKeyEncipherment))};
  }
  if (request.duration) {
    const std::optional<std::chrono::seconds> duration = parse_go_duration(*request.duration);
    if (!duration) {
      return tl::unexpected("spec.duration: " + in_quotes(*request.duration) +
                            " is not a duration such as 24h0m0s or 1.5h");
    }
    facts.expiration_seconds = duration->count();
  }
  return facts;
}

}  // namespace signet
