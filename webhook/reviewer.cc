#include "webhook/reviewer.h"

#include <utility>

#include "signer/kube/json.h"
#include "webhook/certificate_request_review.h"
#include "webhook/csr_review.h"
#include "webhook/front_limits.h"
#include "webhook/namespace_review.h"
#include "webhook/pod_review.h"
#include "webhook/proxy_config_review.h"

namespace signet {
namespace {

ReviewOutcome dispatch(ReviewKind kind, const AdmissionRequest& request, const ReviewContext& context) {
  const bool validates = kind == ReviewKind::kValidate;
  if (request.group == "certificates.k8s.io" && request.kind == "CertificateSigningRequest") {
    return validates ? validate_csr(request, context) : mutate_csr(request, context);
  }
  if (request.group == "networking.istio.io" && request.kind == "ProxyConfig") {
    return validates ? validate_proxy_config(request, context) : mutate_proxy_config(request, context);
  }
  if (!validates) {
    return pass();
  }
  if (request.group.empty() && request.kind == "Pod") {
    return validate_pod(request, context);
  }
  if (request.group.empty() && request.kind == "Namespace") {
    return validate_namespace(request, context);
  }
  if (request.group == "cert-manager.io" && request.kind == "CertificateRequest") {
    return validate_certificate_request(request, context);
  }
  return judge(request,
               {{Reason::kRequestMalformed, "request.kind: " + request.kind + " of " + request.group +
                                                " is nothing that is reviewed here; correct the webhook's rules"}},
               context);
}

}  // namespace

tl::expected<Reviewed, std::string> review(ReviewKind kind, std::string_view body, const ReviewContext& context) {
  const tl::expected<JsonDocument, std::string> document = JsonDocument::parse(body, {.max_bytes = kMaxReviewBytes});
  if (!document) {
    return tl::unexpected("not JSON that can be read: " + document.error());
  }
  const tl::expected<AdmissionRequest, std::string> request = AdmissionRequest::decode(document->root());
  if (!request) {
    return tl::unexpected(request.error());
  }
  ReviewOutcome outcome = dispatch(kind, *request, context);
  return Reviewed{.body = outcome.answer.encode(request->uid),
                  .allowed = outcome.answer.allowed,
                  .record = std::move(outcome.record)};
}

}  // namespace signet
