#include "webhook/review.h"

#include <ranges>
#include <utility>
#include <vector>

namespace signet {
namespace {

// The API server cuts off all of them together after 4 KiB.
constexpr std::size_t kMaxWarnings = 10;

// Refused for what is enforced; whoever asked is told of the rest what they are to be told.
AdmissionAnswer answer(const std::vector<Finding>& findings) {
  const std::vector<Finding> enforced = of_mode(findings, Mode::kEnforce);
  AdmissionAnswer answer = enforced.empty() ? AdmissionAnswer::allow() : AdmissionAnswer::deny(enforced);
  for (const Finding& finding : of_mode(findings, Mode::kWarn) | std::views::take(kMaxWarnings)) {
    answer.warnings.push_back(to_line(finding));
  }
  return answer;
}

// What was decided, and why: of a denial what was enforced, else all that would have been.
void tell_findings(const std::vector<Finding>& findings, AuditRecord& record) {
  const bool denied = refuses(findings);
  record.decision = to_string(verdict_of(findings));
  const std::vector<Finding> told = denied ? of_mode(findings, Mode::kEnforce) : findings;
  record.reason = told.empty() ? "" : to_string(told.front().reason);
  record.message = to_message(told);
}

std::string operation_of(const AdmissionRequest& request) {
  return request.operation == AdmissionRequest::Operation::kUpdate ? "UPDATE" : "";
}

std::string object_of(const AdmissionRequest& request) {
  // The API server says of a Namespace that it is in itself.
  if (request.kind == "Namespace") {
    return request.kind + " " + request.name;
  }
  return request.kind + " " + request.name_space + "/" + request.name;
}

}  // namespace

ReviewOutcome pass() { return {.answer = AdmissionAnswer::allow(), .record = std::nullopt}; }

ReviewOutcome judge(const AdmissionRequest& request, const std::vector<Finding>& findings,
                    const ReviewContext& context) {
  ReviewOutcome outcome;
  outcome.answer = answer(findings);
  AuditRecord record;
  record.event = AuditRecord::Event::kReview;
  tell_findings(findings, record);
  record.request_uid = request.uid;
  record.dry_run = request.dry_run;
  record.operation = operation_of(request);
  record.object = object_of(request);
  record.requester = request.user.username;
  if (const PolicyModel::Tenant* const tenant =
          context.policy.tenant_of_namespace(request.name_space, context.namespaces)) {
    record.tenant = tenant->name;
  }
  record.policy = context.policy.digest();
  outcome.record = std::move(record);
  return outcome;
}

ReviewOutcome judge(const AdmissionRequest& request, const SigningRequest& facts, const Decision& decision,
                    const ReviewContext& context) {
  ReviewOutcome outcome;
  outcome.answer = answer(decision.findings);
  AuditRecord record = audit_record(AuditRecord::Event::kReview, facts, decision, context.policy.digest());
  tell_findings(decision.findings, record);
  if (!outcome.answer.allowed) {
    record.signer_granted.clear();
  }
  if (facts.kind == SigningRequest::Kind::kCertificateRequest) {
    record.object = object_of(request);
    record.csr_name.clear();
    record.csr_uid.clear();
    record.request = recorded_request(facts, request.name_space);
  } else if (request.operation == AdmissionRequest::Operation::kUpdate) {
    record.request.reset();
  }
  record.operation = operation_of(request);
  // Who is answered here: after CREATE not the one in the spec, of whom the record of the CREATE tells.
  record.requester = request.user.username;
  record.request_uid = request.uid;
  record.dry_run = request.dry_run;
  outcome.record = std::move(record);
  return outcome;
}

}  // namespace signet
