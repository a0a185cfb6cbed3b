#include "webhook/certificate_request_review.h"

#include <algorithm>
#include <string>
#include <utility>

#include "policy/quoting.h"
#include "signer/csr/signing_request_of.h"
#include "signer/kube/objects.h"

namespace signet {
namespace {

using Operation = AdmissionRequest::Operation;

// The text of all that a judgement of the object rests on.
std::string judged_fields(JsonView object) {
  std::string text;
  for (const char* const field : {"issuerRef", "request", "duration", "isCA", "usages"}) {
    object.at("spec", field).append_to(text);
    text += '\n';
  }
  return text;
}

// Whether somebody asks for something: not where an update leaves what was asked as it was, so that clean-up is never
// blocked.
bool asks(const AdmissionRequest& request) {
  switch (request.operation) {
    case Operation::kCreate:
      return true;
    case Operation::kUpdate:
      return judged_fields(request.object) != judged_fields(request.old_object);
    case Operation::kDelete:
    case Operation::kConnect:
      break;
  }
  return false;
}

bool is_our_signer(const std::string& signer_name, const Policy& policy) {
  const auto signer = policy.signer_in_domain(signer_name);
  return signer && (std::ranges::binary_search(policy.signers(), *signer) || *signer == policy.model().routed_signer ||
                    *signer == policy.model().default_signer);
}

ReviewOutcome malformed(const AdmissionRequest& request, std::string message, const ReviewContext& context) {
  return judge(request, {{Reason::kRequestMalformed, std::move(message)}}, context);
}

Mode mode_of(Reason reason, const SigningRequest& facts, const Policy& policy, const Decision& decision) {
  return policy.mode_of(reason, policy.tenant_named(decision.tenant),
                        policy.signer_in_domain(facts.signer_name).value_or(""));
}

// cert-manager asks for whoever may write into a namespace, and keeps the key there: the namespace must be of the
// tenant that is asked for. The root namespace is the mesh's own: what is written there may ask for everybody.
void check_namespace(const SigningRequest& facts, std::string_view ns, const Policy& policy,
                     const NamespaceLabels& namespaces, Decision& decision) {
  const PolicyModel::Tenant* const tenant = policy.tenant_of_namespace(ns, namespaces);
  if (decision.tenant.empty() || ns == policy.model().root_namespace ||
      (tenant != nullptr && tenant->name == decision.tenant)) {
    return;
  }
  decision.findings.push_back({.reason = Reason::kRequesterNotAllowed,
                               .message = "a CertificateRequest in namespace " + in_quotes(ns) + " may not ask for " +
                                          in_quotes(decision.identity) +
                                          "; its tenant's own namespaces may (tenants[].namespaces)",
                               .mode = mode_of(Reason::kRequesterNotAllowed, facts, policy, decision)});
}

// cert-manager copies the subject, and a client that finds no DNS name takes a common name for one.
void check_subject(const SigningRequest& facts, const Policy& policy, Decision& decision) {
  if (facts.pkcs10 && !facts.pkcs10->subject.empty()) {
    decision.findings.push_back({.reason = Reason::kSubjectAltNameNotAllowed,
                                 .message = "the subject names " + joined(facts.pkcs10->subject, in_quotes) +
                                            "; it must be empty, for cert-manager would copy it",
                                 .mode = mode_of(Reason::kSubjectAltNameNotAllowed, facts, policy, decision)});
  }
}

ReviewOutcome evaluate(const AdmissionRequest& request, const std::string& signer_name, const ReviewContext& context) {
  const auto object = CertificateRequest::decode(request.object);
  if (!object) {
    return malformed(request, object.error(), context);
  }
  const auto facts = signing_request_of(*object, signer_name, request.user);
  if (!facts) {
    return malformed(request, facts.error(), context);
  }
  return judge(request, *facts,
               decide_certificate_request(*facts, request.name_space, context.policy, context.namespaces), context);
}

// What the policy does not want judged is refused whatever its modes: nothing else is known of it.
Finding refusal(const std::string& signer_name) {
  return {Reason::kSignerNotAllowed, "spec.issuerRef names " + in_quotes(signer_name) +
                                         ", which signs for its tenant by CertificateSigningRequest only "
                                         "(tenants[].signers, certificateRequests)"};
}

}  // namespace

Decision decide_certificate_request(const SigningRequest& facts, std::string_view ns, const Policy& policy,
                                    const NamespaceLabels& namespaces) {
  Decision decision;
  if (!is_our_signer(facts.signer_name, policy)) {
    decision.verdict = Decision::Verdict::kNotOurs;
    return decision;
  }
  if (policy.model().certificate_requests == PolicyModel::CertificateRequests::kDeny) {
    decision.findings.push_back(refusal(facts.signer_name));
  } else {
    decision = policy.evaluate(facts, namespaces);
    check_namespace(facts, ns, policy, namespaces, decision);
    check_subject(facts, policy, decision);
  }
  decision.verdict = verdict_of(decision.findings);
  if (decision.denied()) {
    decision.grant.reset();
  }
  return decision;
}

ReviewOutcome validate_certificate_request(const AdmissionRequest& request, const ReviewContext& context) {
  if (!asks(request) || !request.sub_resource.empty()) {
    return pass();
  }
  const auto issuer = CertificateRequest::Issuer::decode(request.object);
  if (!issuer) {
    return malformed(request, issuer.error(), context);
  }
  const std::string signer_name = issuer->signer_name(request.name_space);
  if (!is_our_signer(signer_name, context.policy)) {
    return pass();
  }
  if (context.policy.model().certificate_requests == PolicyModel::CertificateRequests::kEvaluate) {
    return evaluate(request, signer_name, context);
  }
  return judge(request, {refusal(signer_name)}, context);
}

}  // namespace signet
