#include "policy/explanation.h"

#include "policy/check_descriptions.h"

namespace signet {

std::string_view check_name(Reason check) {
  switch (check) {
    case Reason::kRequestMalformed:
      return "request";
    case Reason::kRequesterNotAllowed:
      return "requester";
    case Reason::kExtensionNotAllowed:
      return "extensions";
    case Reason::kCaRequested:
      return "authority";
    case Reason::kSubjectAltNameNotAllowed:
      return "names";
    case Reason::kIdentityInvalid:
      return "identity";
    case Reason::kNoTenant:
      return "tenant";
    case Reason::kTenantSuspended:
      return "suspension";
    case Reason::kSignerNotAllowed:
      return "signer";
    case Reason::kKeyNotAllowed:
      return "key";
    case Reason::kUsageNotAllowed:
      return "usages";
    case Reason::kDurationTooLong:
      return "longest";
    case Reason::kDurationTooShort:
      return "shortest";
    case Reason::kIssuerNotAllowed:
      return "issuer";
    case Reason::kCertificateNotAllowed:
      return "certificate";
    case Reason::kVariableLocked:
      return "variable";
    case Reason::kNamespaceNotAllowed:
      return "namespace";
  }
  return {};
}

std::string_view to_string(ExplainedCheck::Outcome outcome) {
  switch (outcome) {
    case ExplainedCheck::Outcome::kPassed:
      return "passed";
    case ExplainedCheck::Outcome::kFailed:
      return "failed";
    case ExplainedCheck::Outcome::kNotMade:
      return "not made";
  }
  return {};
}

Explanation explain(const Policy& policy, const SigningRequest& request, const NamespaceLabels& namespaces,
                    Audience audience) {
  EvaluationTrace trace;
  Explanation explanation{.decision = policy.evaluate(request, namespaces, &trace), .checks = {}};
  if (explanation.decision.verdict == Decision::Verdict::kNotOurs) {
    return explanation;
  }
  explanation.checks = describe_checks(policy, request, namespaces, trace, audience);
  for (ExplainedCheck& told : explanation.checks) {
    for (const Finding& finding : explanation.decision.findings) {
      if (finding.reason == told.check) {
        told.outcome = ExplainedCheck::Outcome::kFailed;
        told.findings.push_back(finding.message);
        told.mode = finding.mode;
      }
    }
  }
  return explanation;
}

}  // namespace signet
