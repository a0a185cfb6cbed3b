#include "policy/decision.h"

#include <algorithm>

namespace signet {

std::string_view to_string(Reason reason) {
  switch (reason) {
    case Reason::kRequestMalformed:
      return "RequestMalformed";
    case Reason::kRequesterNotAllowed:
      return "RequesterNotAllowed";
    case Reason::kExtensionNotAllowed:
      return "ExtensionNotAllowed";
    case Reason::kCaRequested:
      return "CaRequested";
    case Reason::kSubjectAltNameNotAllowed:
      return "SubjectAltNameNotAllowed";
    case Reason::kIdentityInvalid:
      return "IdentityInvalid";
    case Reason::kNoTenant:
      return "NoTenant";
    case Reason::kSignerNotAllowed:
      return "SignerNotAllowed";
    case Reason::kKeyNotAllowed:
      return "KeyNotAllowed";
    case Reason::kUsageNotAllowed:
      return "UsageNotAllowed";
    case Reason::kDurationTooLong:
      return "DurationTooLong";
    case Reason::kIssuerNotAllowed:
      return "IssuerNotAllowed";
    case Reason::kCertificateNotAllowed:
      return "CertificateNotAllowed";
  }
  return {};
}

std::optional<Reason> reason_named(std::string_view code) {
  const auto* const found = std::ranges::find(kReasons, code, [](Reason reason) { return to_string(reason); });
  return found == kReasons.end() ? std::nullopt : std::optional(*found);
}

std::string to_line(const Finding& finding) {
  return "signet: " + std::string(to_string(finding.reason)) + ": " + finding.message;
}

std::string to_message(const std::vector<Finding>& findings) {
  std::string message;
  for (const Finding& finding : findings) {
    if (!message.empty()) {
      message += '\n';
    }
    message += to_line(finding);
  }
  return message;
}

}  // namespace signet
