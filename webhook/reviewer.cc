#include "webhook/reviewer.h"

#include "signer/kube/json.h"

namespace signet {
namespace {

ReviewOutcome dispatch(ReviewKind kind, const AdmissionRequest& request, const ReviewContext& context) {
  if (request.group == "certificates.k8s.io" && request.kind == "CertificateSigningRequest") {
    return kind == ReviewKind::kValidate ? validate_csr(request, context) : mutate_csr(request, context);
  }
  if (kind == ReviewKind::kMutate) {
    return {.answer = AdmissionAnswer::allow(), .record = std::nullopt};
  }
  return {.answer = AdmissionAnswer::deny(
              {{Reason::kRequestMalformed, "request.kind: " + request.kind + " of " + request.group +
                                               " is nothing that is reviewed here; correct the webhook's rules"}}),
          .record = std::nullopt};
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
  return Reviewed{.body = outcome.answer.encode(request->uid), .record = std::move(outcome.record)};
}

}  // namespace signet
