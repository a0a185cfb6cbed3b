#include "policy/audit_record.h"

namespace signet {
std::string_view to_string(AuditRecord::Event event) {
  switch (event) {
    case AuditRecord::Event::kReview:
      return "review";
    case AuditRecord::Event::kIssued:
      return "issued";
    case AuditRecord::Event::kPublished:
      return "published";
    case AuditRecord::Event::kDiscarded:
      return "discarded";
    case AuditRecord::Event::kRefused:
      return "refused";
  }
  return {};
}

AuditRecord audit_record(AuditRecord::Event event, const SigningRequest& request, const Decision& decision,
                         std::string_view policy_digest) {
  AuditRecord record;
  record.event = event;
  record.decision = to_string(decision.verdict);
  if (!decision.findings.empty()) {
    record.reason = to_string(decision.findings.front().reason);
    record.message = to_message(decision.findings);
  }
  record.csr_name = request.name;
  record.csr_uid = request.uid;
  record.requester = request.requester;
  record.identity = decision.identity;
  record.tenant = decision.tenant;
  record.signer_requested = request.signer_name;
  if (!decision.denied() && decision.verdict != Decision::Verdict::kNotOurs) {
    record.signer_granted = request.signer_name;
  }
  record.rule = decision.rule;
  record.policy = policy_digest;
  if (request.pkcs10) {
    record.key_type = request.pkcs10->key_name;
    record.key_spki = request.pkcs10->spki;
  }
  return record;
}

}  // namespace signet
