#include "webhook/csr_review.h"

#include <algorithm>
#include <string>
#include <tl/expected.hpp>
#include <utility>
#include <vector>

#include "signer/csr/signing_request_of.h"
#include "signer/kube/json_writer.h"
#include "signer/kube/objects.h"
#include "signer/trust/certificate_check.h"

namespace signet {
namespace {

using Operation = AdmissionRequest::Operation;

// An object whose signerName can be read and is not ours is none of our business, whatever else is wrong with it.
bool is_foreign(JsonView object, const Policy& policy) {
  const auto signer_name = object.at("spec", "signerName").as_string();
  return signer_name && !policy.governs(*signer_name);
}

ReviewOutcome undecodable(const AdmissionRequest& request, std::string error, const ReviewContext& context) {
  Decision decision;
  decision.findings.push_back({Reason::kRequestMalformed, std::move(error)});
  SigningRequest facts;
  facts.name = request.name;
  facts.requester = request.user.username;
  facts.pkcs10 = tl::unexpected(decision.findings.front().message);
  ReviewOutcome outcome = judge(request, facts, decision, context);
  outcome.record->request.reset();
  return outcome;
}

// An object of which it is known who is to sign it: the signerName is what makes it ours or not.
tl::expected<CertificateSigningRequest, std::string> decode(JsonView object, const std::string& place) {
  auto decoded = CertificateSigningRequest::decode(object, place);
  if (decoded && decoded->spec.signer_name.empty()) {
    return tl::unexpected(place + ".spec.signerName: must be a text that is not empty");
  }
  return decoded;
}

std::vector<CsrCondition> failed_conditions(const CertificateSigningRequest& object) {
  std::vector<CsrCondition> failed;
  std::ranges::copy_if(object.status.conditions, std::back_inserter(failed),
                       [](const CsrCondition& condition) { return condition.type == "Failed"; });
  return failed;
}

// What is wrong with a new certificate in the status, if anything. `decision` is what policy says of the request.
std::vector<Finding> certificate_findings(const CertificateSigningRequest& object, const Decision& decision,
                                          const ReviewContext& context) {
  if (!decision.grant) {
    return {};  // the decision's own findings say it
  }
  const Grant::Terms& terms = decision.grant->terms();
  const auto refuse = [](std::string message) {
    return std::vector<Finding>{{Reason::kCertificateNotAllowed, "status.certificate: " + std::move(message)}};
  };
  const IssuerChain* const issuer = context.issuers == nullptr ? nullptr : context.issuers->find(terms.signer);
  if (issuer == nullptr) {
    return refuse("no issuer certificate of signer \"" + terms.signer + "\" is at hand to check it with");
  }
  const auto checked = check_certificate(terms, object.status.certificate, *issuer, context.now);
  return checked ? std::vector<Finding>{} : refuse(checked.error());
}

ReviewOutcome validate_update(const AdmissionRequest& request, const ReviewContext& context) {
  auto before = decode(request.old_object, "request.oldObject");
  auto after = decode(request.object, "request.object");
  if (!before || !after) {
    return undecodable(request, before ? after.error() : before.error(), context);
  }
  const SigningRequest facts = signing_request_of(*after);
  Decision decision = context.policy.evaluate(facts, context.namespaces);
  if (before->spec != after->spec) {
    decision.findings = {{Reason::kRequestMalformed, "spec: is immutable (certificates.k8s.io/v1)"}};
    return judge(request, facts, decision, context);
  }

  const bool approves = after->has_condition("Approved") && !before->has_condition("Approved");
  const bool certifies = after->status.certificate != before->status.certificate;
  const bool fails = failed_conditions(*after) != failed_conditions(*before);
  // The decision counts where something rests on it, or where it was another before.
  const auto got_worse = [&] {
    return decision.denied() && !context.policy.evaluate(signing_request_of(*before), context.namespaces).denied();
  };
  std::vector<Finding> findings;
  if (approves || certifies || got_worse()) {
    findings = decision.findings;
  }
  if ((certifies || fails) && !context.policy.may_issue(request.user.username, context.self)) {
    findings.push_back({Reason::kIssuerNotAllowed, "\"" + request.user.username + "\" wrote " +
                                                       (certifies ? "a certificate" : "condition Failed") +
                                                       " for signer \"" + facts.signer_name +
                                                       "\"; only its issuer does that (issuers)"});
  }
  if (certifies && !refuses(findings)) {
    std::ranges::move(certificate_findings(*after, decision, context), std::back_inserter(findings));
  }
  decision.findings = std::move(findings);
  return judge(request, facts, decision, context);
}

}  // namespace

ReviewOutcome validate_csr(const AdmissionRequest& request, const ReviewContext& context) {
  switch (request.operation) {
    case Operation::kDelete:
    case Operation::kConnect:
      return pass();
    case Operation::kUpdate:
      if (is_foreign(request.object, context.policy) && is_foreign(request.old_object, context.policy)) {
        return pass();
      }
      return validate_update(request, context);
    case Operation::kCreate:
      break;
  }
  if (is_foreign(request.object, context.policy)) {
    return pass();
  }
  const auto object = decode(request.object, "request.object");
  if (!object) {
    return undecodable(request, object.error(), context);
  }
  const SigningRequest facts = signing_request_of(*object, request.user);
  return judge(request, facts, context.policy.evaluate(facts, context.namespaces), context);
}

ReviewOutcome mutate_csr(const AdmissionRequest& request, const ReviewContext& context) {
  if (request.operation != Operation::kCreate || is_foreign(request.object, context.policy)) {
    return pass();
  }
  const auto object = decode(request.object, "request.object");
  if (!object) {
    return pass();  // validation says what is wrong
  }
  const SigningRequest facts = signing_request_of(*object, request.user);
  const Policy::Adjustment adjustment = context.policy.adjust(facts, context.namespaces);
  if (!adjustment.signer_name && !adjustment.expiration_seconds) {
    return pass();
  }
  JsonWriter patch;
  patch.begin_array();
  if (adjustment.signer_name) {
    patch.begin_object().key("op").string("replace").key("path").string("/spec/signerName");
    patch.key("value").string(*adjustment.signer_name).end_object();
  }
  if (adjustment.expiration_seconds) {
    patch.begin_object().key("op").string(facts.expiration_seconds ? "replace" : "add");
    patch.key("path")
        .string("/spec/expirationSeconds")
        .key("value")
        .integer(*adjustment.expiration_seconds)
        .end_object();
  }
  patch.end_array();

  Decision decision;
  decision.identity = facts.pkcs10 && !facts.pkcs10->names.empty() ? facts.pkcs10->names.front().value : "";
  ReviewOutcome result = judge(request, facts, decision, context);
  result.answer.json_patch = patch.take();
  result.record->decision = "patched";
  result.record->signer_granted = adjustment.signer_name.value_or("");
  return result;
}

}  // namespace signet
