#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "policy/decision.h"
#include "policy/signing_request.h"

namespace signet {

/// No text of a recorded request is longer, …
inline constexpr std::size_t kMaxRecordedTextBytes = 4096;

/// … and all of them together are not, each counted with kRecordedTextCost more: what it costs to hold it, and to write
/// it down. A user of 200 groups, which is what tokens have at most, or a service of 100 names has room.
inline constexpr std::size_t kMaxRecordedRequestBytes = std::size_t{16} << 10;
inline constexpr std::size_t kRecordedTextCost = 32;

/// What a decision on a request for a certificate rested on, so that it can be taken again under another policy.
/// Whoever asks decides what is in it: it is whole or clipped, and bounded in any case.
struct RecordedRequest {
  /// It was too long, or a text of it is no UTF-8: nothing of it was kept.
  bool clipped = false;
  SigningRequest facts{};  ///< without the object's uid and name, and without the key itself
  std::string name_space;  ///< of the object, where that counts: of a CertificateRequest
};

[[nodiscard]] RecordedRequest recorded_request(const SigningRequest& request, std::string_view name_space = {});

/// How the message of a `published` record begins that is written because the certificate may have been read, not
/// because it is known to stand in the request's status.
inline constexpr std::string_view kPresumedPublished = "presumed to be published: ";

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
  std::string operation;  ///< of a review that was none of CREATE: "UPDATE"
  std::string object;     ///< what was reviewed where it is no CertificateSigningRequest: "Pod foo/app-0"
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
  /// Where the decision is one on the request, not on what was made of it since: not for an update of a
  /// CertificateSigningRequest, nor where there was none that could be read.
  std::optional<RecordedRequest> request;
};

[[nodiscard]] std::string_view to_string(AuditRecord::Event event);

/// The record of `decision` on `request` under the policy with `policy_digest`.
[[nodiscard]] AuditRecord audit_record(AuditRecord::Event event, const SigningRequest& request,
                                       const Decision& decision, std::string_view policy_digest);

}  // namespace signet
