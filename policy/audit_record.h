#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "policy/decision.h"
#include "policy/signing_request.h"

namespace signet {

/// One line of an audit log as data: the decision, what it was about and what became of it. Times, sequence numbers and
/// hashes are the writer's. Empty strings and absent values are left out of the line.
struct AuditRecord {
  enum class Event {
    kReview,     ///< an admission review was answered
    kIssued,     ///< a certificate was signed and has not left yet
    kPublished,  ///< … and stands in the request's status, or may have stood there: then `message` says so
    kDiscarded,  ///< … and never will: the write was refused
    kRefused,    ///< the signer wrote Failed
  };
  Event event = Event::kReview;
  /// "granted", "denied", "not-ours", or "would-deny" of what passes only by the policy's modes; reviews also
  /// "patched".
  std::string decision;
  std::string reason;       ///< the first finding's code
  std::string message;      ///< all findings
  std::string request_uid;  ///< AdmissionReview request.uid
  bool dry_run = false;
  std::string object;  ///< what was reviewed where it is no CertificateSigningRequest: "Pod foo/app-0"
  std::string csr_name;
  std::string csr_uid;
  std::string requester;
  std::string identity;
  std::string tenant;
  std::string signer_requested;  ///< full signerName
  std::string signer_granted;    ///< full signerName
  std::string rule;
  std::string policy;  ///< the policy's digest
  std::string key_type;
  std::string key_spki;  ///< DER; the line carries its SHA-256

  struct Certificate {
    std::string serial;  ///< lower-case hexadecimal
    std::chrono::sys_seconds not_before;
    std::chrono::sys_seconds not_after;
    std::string sha256;  ///< of the DER, lower-case hexadecimal
  };
  std::optional<Certificate> certificate;
  std::optional<std::chrono::microseconds> duration;
};

[[nodiscard]] std::string_view to_string(AuditRecord::Event event);

/// The record of `decision` on `request` under the policy with `policy_digest`.
[[nodiscard]] AuditRecord audit_record(AuditRecord::Event event, const SigningRequest& request,
                                       const Decision& decision, std::string_view policy_digest);

}  // namespace signet
