#include "policy/decision.h"

#include <algorithm>
#include <iterator>
#include <ranges>

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
    case Reason::kTenantSuspended:
      return "TenantSuspended";
    case Reason::kSignerNotAllowed:
      return "SignerNotAllowed";
    case Reason::kKeyNotAllowed:
      return "KeyNotAllowed";
    case Reason::kUsageNotAllowed:
      return "UsageNotAllowed";
    case Reason::kDurationTooLong:
      return "DurationTooLong";
    case Reason::kDurationTooShort:
      return "DurationTooShort";
    case Reason::kIssuerNotAllowed:
      return "IssuerNotAllowed";
    case Reason::kCertificateNotAllowed:
      return "CertificateNotAllowed";
    case Reason::kVariableLocked:
      return "VariableLocked";
    case Reason::kNamespaceNotAllowed:
      return "NamespaceNotAllowed";
  }
  return {};
}

std::optional<Reason> reason_named(std::string_view code) {
  const auto* const found = std::ranges::find(kReasons, code, [](Reason reason) { return to_string(reason); });
  return found == kReasons.end() ? std::nullopt : std::optional(*found);
}

std::string_view to_string(Mode mode) {
  switch (mode) {
    case Mode::kEnforce:
      return "enforce";
    case Mode::kWarn:
      return "warn";
    case Mode::kAudit:
      return "audit";
  }
  return {};
}

std::optional<Mode> mode_named(std::string_view name) {
  const auto* const found = std::ranges::find(kModes, name, [](Mode mode) { return to_string(mode); });
  return found == kModes.end() ? std::nullopt : std::optional(*found);
}

bool can_be_relaxed(Reason reason) {
  switch (reason) {
    case Reason::kRequestMalformed:
    case Reason::kCaRequested:
    case Reason::kTenantSuspended:
    case Reason::kIssuerNotAllowed:
    case Reason::kCertificateNotAllowed:
    case Reason::kNamespaceNotAllowed:
      return false;
    case Reason::kRequesterNotAllowed:
    case Reason::kExtensionNotAllowed:
    case Reason::kSubjectAltNameNotAllowed:
    case Reason::kIdentityInvalid:
    case Reason::kNoTenant:
    case Reason::kSignerNotAllowed:
    case Reason::kKeyNotAllowed:
    case Reason::kUsageNotAllowed:
    case Reason::kDurationTooLong:
    case Reason::kDurationTooShort:
    case Reason::kVariableLocked:
      return true;
  }
  return false;
}

std::string to_line(const Finding& finding) {
  return "signet: " + std::string(to_string(finding.reason)) + ": " + finding.message;
}

std::string to_message(const std::vector<Finding>& findings) {
  std::string message;
  for (const Finding& finding : findings | std::views::take(kMaxToldFindings)) {
    message += (message.empty() ? "" : "\n") + to_line(finding);
  }
  if (findings.size() > kMaxToldFindings) {
    message += "\nsignet: and " + std::to_string(findings.size() - kMaxToldFindings) + " more findings like these";
  }
  return message;
}

std::string_view to_string(Decision::Verdict verdict) {
  switch (verdict) {
    case Decision::Verdict::kNotOurs:
      return "not-ours";
    case Decision::Verdict::kGranted:
      return "granted";
    case Decision::Verdict::kTolerated:
      return "would-deny";
    case Decision::Verdict::kDenied:
      return "denied";
  }
  return {};
}

Decision::Verdict verdict_of(const std::vector<Finding>& findings) {
  return findings.empty()    ? Decision::Verdict::kGranted
         : refuses(findings) ? Decision::Verdict::kDenied
                             : Decision::Verdict::kTolerated;
}

bool refuses(const std::vector<Finding>& findings) {
  return std::ranges::any_of(findings, [](const Finding& finding) { return finding.mode == Mode::kEnforce; });
}

std::vector<Finding> of_mode(const std::vector<Finding>& findings, Mode mode) {
  std::vector<Finding> some;
  std::ranges::copy_if(findings, std::back_inserter(some),
                       [mode](const Finding& finding) { return finding.mode == mode; });
  return some;
}

}  // namespace signet
