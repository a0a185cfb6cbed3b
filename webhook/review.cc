#include "webhook/review.h"

#include <utility>

namespace signet {

ReviewOutcome pass() { return {.answer = AdmissionAnswer::allow(), .record = std::nullopt}; }

ReviewOutcome judge(const AdmissionRequest& request, const std::vector<Finding>& findings,
                    const ReviewContext& context) {
  ReviewOutcome outcome;
  outcome.answer = findings.empty() ? AdmissionAnswer::allow() : AdmissionAnswer::deny(findings);
  AuditRecord record;
  record.event = AuditRecord::Event::kReview;
  record.decision = findings.empty() ? "granted" : "denied";
  record.reason = outcome.answer.reason;
  record.message = outcome.answer.message;
  record.request_uid = request.uid;
  record.dry_run = request.dry_run;
  record.object = request.kind + " " + request.name_space + "/" + request.name;
  record.requester = request.user.username;
  if (const PolicyModel::Tenant* const tenant = context.policy.tenant_of_namespace(request.name_space)) {
    record.tenant = tenant->name;
  }
  record.policy = context.policy.digest();
  outcome.record = std::move(record);
  return outcome;
}

}  // namespace signet
