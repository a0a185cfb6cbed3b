#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policy/grant.h"

namespace signet {

/// Why a request is refused, in the order in which findings are told.
enum class Reason {
  kRequestMalformed,
  kRequesterNotAllowed,
  kExtensionNotAllowed,
  kCaRequested,
  kSubjectAltNameNotAllowed,
  kIdentityInvalid,
  kNoTenant,
  kTenantSuspended,
  kSignerNotAllowed,
  kKeyNotAllowed,
  kUsageNotAllowed,
  kDurationTooLong,
  kDurationTooShort,
  // Of what is no request for a certificate.
  kIssuerNotAllowed,       ///< a certificate or Failed condition written by somebody who issues nothing for this signer
  kCertificateNotAllowed,  ///< a certificate in status that is not what was granted
  kVariableLocked,         ///< a variable of the proxy that is not the tenant's to set
  kNamespaceNotAllowed,    ///< a name or label of a namespace that decides whose it is
};

inline constexpr std::array kReasons = {
    Reason::kRequestMalformed, Reason::kRequesterNotAllowed,      Reason::kExtensionNotAllowed,
    Reason::kCaRequested,      Reason::kSubjectAltNameNotAllowed, Reason::kIdentityInvalid,
    Reason::kNoTenant,         Reason::kTenantSuspended,          Reason::kSignerNotAllowed,
    Reason::kKeyNotAllowed,    Reason::kUsageNotAllowed,          Reason::kDurationTooLong,
    Reason::kDurationTooShort, Reason::kIssuerNotAllowed,         Reason::kCertificateNotAllowed,
    Reason::kVariableLocked,   Reason::kNamespaceNotAllowed};

/// Whether a request for a certificate can fail with it; the others are of what is written elsewhere.
[[nodiscard]] constexpr bool is_of_requests(Reason reason) { return reason < Reason::kIssuerNotAllowed; }

/// The code that users see: "SignerNotAllowed".
[[nodiscard]] std::string_view to_string(Reason reason);
[[nodiscard]] std::optional<Reason> reason_named(std::string_view code);

/// What a finding leads to, the strictest first.
enum class Mode {
  kEnforce,  ///< a refusal
  kWarn,     ///< a warning to whoever asks, and a record of what would have been refused
  kAudit,    ///< that record alone
};

inline constexpr std::array kModes = {Mode::kEnforce, Mode::kWarn, Mode::kAudit};

/// The name in a policy file: "enforce".
[[nodiscard]] std::string_view to_string(Mode mode);
[[nodiscard]] std::optional<Mode> mode_named(std::string_view name);

/// Whether a policy may let pass what fails with this reason: not where a certificate could not be trusted whatever the
/// policy says, nor where the policy says "now".
[[nodiscard]] bool can_be_relaxed(Reason reason);

struct Finding {
  Reason reason;
  std::string message;  ///< what was asked, what is allowed, by which rule; names no other tenant's signers
  Mode mode = Mode::kEnforce;
};

/// One line of an answer: "signet: <ReasonCode>: <message>".
[[nodiscard]] std::string to_line(const Finding& finding);

/// What a policy says of one request. A denial is a Decision, never an error.
struct Decision {
  enum class Verdict {
    kNotOurs,  ///< a signer that the policy does not govern: none of our business
    kGranted,
    kTolerated,  ///< passes although the policy does not allow it, by the modes of what was found
    kDenied,
  };
  Verdict verdict = Verdict::kDenied;
  std::vector<Finding> findings;  ///< every violation, in the order of `Reason`; empty if granted
  std::optional<Grant> grant;     ///< if granted; if tolerated, where it is something that we can sign

  /// Denied for want of something that is not known yet, a namespace's labels, and may be known later.
  bool undecided = false;
  std::string identity;  ///< the SPIFFE ID or DNS names asked for, as far as they could be read
  std::string tenant;    ///< empty where none was found
  std::string rule;      ///< the rule that granted or the one that first denied: "tenants[foo]"

  [[nodiscard]] bool denied() const { return verdict == Verdict::kDenied; }
};

/// "granted", "denied", "not-ours", or "would-deny" of what is tolerated.
[[nodiscard]] std::string_view to_string(Decision::Verdict verdict);

/// More than a person reads, and few enough that whoever writes 50,000 wrong things is not told megabytes.
inline constexpr std::size_t kMaxToldFindings = 50;

/// The findings as a user sees them, one a line: the first kMaxToldFindings, and how many more there are.
[[nodiscard]] std::string to_message(const std::vector<Finding>& findings);

/// What these lead to for a request that is ours.
[[nodiscard]] Decision::Verdict verdict_of(const std::vector<Finding>& findings);
/// Whether one of them is a refusal.
[[nodiscard]] bool refuses(const std::vector<Finding>& findings);
/// Those of one mode, in their order.
[[nodiscard]] std::vector<Finding> of_mode(const std::vector<Finding>& findings, Mode mode);

}  // namespace signet
