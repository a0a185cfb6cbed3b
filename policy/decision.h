#pragma once

#include <array>
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
  kSignerNotAllowed,
  kKeyNotAllowed,
  kUsageNotAllowed,
  kDurationTooLong,
  kIssuerNotAllowed,       ///< a certificate or Failed condition written by somebody who issues nothing for this signer
  kCertificateNotAllowed,  ///< a certificate in status that is not what was granted
};

inline constexpr std::array kReasons = {Reason::kRequestMalformed,
                                        Reason::kRequesterNotAllowed,
                                        Reason::kExtensionNotAllowed,
                                        Reason::kCaRequested,
                                        Reason::kSubjectAltNameNotAllowed,
                                        Reason::kIdentityInvalid,
                                        Reason::kNoTenant,
                                        Reason::kSignerNotAllowed,
                                        Reason::kKeyNotAllowed,
                                        Reason::kUsageNotAllowed,
                                        Reason::kDurationTooLong,
                                        Reason::kIssuerNotAllowed,
                                        Reason::kCertificateNotAllowed};

/// The code that users see: "SignerNotAllowed".
[[nodiscard]] std::string_view to_string(Reason reason);
[[nodiscard]] std::optional<Reason> reason_named(std::string_view code);

struct Finding {
  Reason reason;
  std::string message;  ///< what was asked, what is allowed, by which rule; names no other tenant's signers
};

/// One line of an answer: "signet: <ReasonCode>: <message>".
[[nodiscard]] std::string to_line(const Finding& finding);

/// What a policy says of one request. A denial is a Decision, never an error.
struct Decision {
  enum class Verdict {
    kNotOurs,  ///< a signer that the policy does not govern: none of our business
    kGranted,
    kDenied,
  };
  Verdict verdict = Verdict::kDenied;
  std::vector<Finding> findings;  ///< every violation, in the order of `Reason`; empty unless denied
  std::optional<Grant> grant;     ///< present exactly if granted

  std::string identity;  ///< the SPIFFE ID or DNS names asked for, as far as they could be read
  std::string tenant;    ///< empty where none was found
  std::string rule;      ///< the rule that granted or the one that first denied: "tenants[foo]"

  [[nodiscard]] bool denied() const { return verdict == Verdict::kDenied; }
};

/// All findings as a user sees them, one a line.
[[nodiscard]] std::string to_message(const std::vector<Finding>& findings);

}  // namespace signet
