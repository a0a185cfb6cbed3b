#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <istream>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "signer/audit/read_record.h"
#include "signer/audit/verify_chain.h"

namespace signet {

/// A line of one of several logs.
struct LogPlace {
  std::size_t log = 0;  ///< from 0, in the order in which they were given
  std::uint64_t line = 0;

  friend auto operator<=>(const LogPlace&, const LogPlace&) = default;
};

/// What is told of a record.
struct LogFinding {
  enum class Kind {
    // What does not hold:
    kUnreadable,      ///< a record that cannot be read; `detail` says why
    kNotGranted,      ///< a certificate was issued for what was not granted
    kNotIssued,       ///< a certificate's end is told, and no issuing of it before that has none yet
    kPublishedTwice,  ///< two certificates are told to be published for one request
    // What may happen in order, and is worth a look:
    kPresumedBesides,      ///< the same, but of one of them it is only presumed: one of the two was published
    kPublishedAndRefused,  ///< the Failed that the signer was about to write was overtaken by another decision
  };
  Kind kind = Kind::kUnreadable;
  LogPlace place;
  std::optional<LogPlace> other;  ///< the other record that it is about
  std::string request_uid;
  std::string certificate;  ///< SHA-256
  std::string detail;
};

/// Findings of one sort: how many, and the first few.
struct LogFindings {
  std::uint64_t count = 0;
  std::vector<LogFinding> first;
};
inline constexpr std::size_t kMaxLogFindings = 100;

/// A certificate whose end is not told: the signer is at work on it, or ended before it could tell.
struct UnendedCertificate {
  LogPlace place;  ///< of its `issued` record
  std::string csr_name;
  std::string request_uid;
  std::string sha256;
  /// Another certificate of the request was published, so this one was not.
  bool another_published = false;
};

/// What was found of several logs that are judged together.
struct VerifiedLogs {
  struct Log {
    ChainSummary summary;  ///< of the lines that hold, from the first on
    /// The end of the chain that its first line continues: seq 0 where it begins one.
    ChainHead before;
    std::optional<std::size_t> continues;  ///< which log before it has that end
    std::optional<ChainProblem> problem;   ///< where it ceases to hold
  };
  std::vector<Log> logs;
  std::uint64_t issued = 0;
  std::uint64_t published = 0;
  std::uint64_t presumed = 0;  ///< of the published
  std::uint64_t discarded = 0;
  std::uint64_t refused = 0;
  LogFindings problems;
  LogFindings notes;
  std::vector<UnendedCertificate> unended;  ///< in the order of their places
  std::set<std::string> missing_heads;      ///< expected, and the hash of no line

  [[nodiscard]] bool holds() const;
};

/// Verifies audit logs: the chain of each (verify_chain), and, over all of them, that what they tell of certificates
/// fits together. A certificate is issued for what was granted, its end stands in the logs behind its issuing, and one
/// at most is published for a request. A log that has no line does not hold.
///
/// What nobody can see in a log: that its last lines are missing, and that all of it was written anew. `expected_heads`
/// are hashes of lines that were kept elsewhere; what stands before a line whose hash is known is what stood there.
///
/// Logs that continue each other are added in their order. Memory: some 100 bytes for each request that was published
/// or refused, some 600 for each certificate that has no end.
class LogVerification {
 public:
  explicit LogVerification(std::set<std::string> expected_heads = {}) {
    result_.missing_heads = std::move(expected_heads);
  }

  void add(std::istream& log);
  /// Once, after the last log.
  [[nodiscard]] VerifiedLogs take();

 private:
  // The first 128 bits of the SHA-256 of a request's uid.
  struct RequestKey {
    std::uint64_t high = 0;
    std::uint64_t low = 0;

    friend bool operator==(const RequestKey&, const RequestKey&) = default;
  };
  struct RequestHash {
    std::size_t operator()(const RequestKey& key) const { return key.low; }
  };
  struct Request {
    std::optional<LogPlace> published;
    bool presumed = false;  ///< that it was published
    bool refused = false;
  };

  static RequestKey key_of(std::string_view uid);
  void add_line(LogPlace place, std::string_view line);
  void add_issued(LogPlace place, const AuditRecord& record);
  void add_end(LogPlace place, const AuditRecord& record);
  void note_published(LogPlace place, const AuditRecord& record);
  static void tell(LogFindings& findings, LogFinding finding);

  VerifiedLogs result_;
  std::unordered_map<RequestKey, Request, RequestHash> requests_;  ///< published or refused
  std::unordered_map<std::string, UnendedCertificate> unended_;    ///< by the certificate's SHA-256
};

}  // namespace signet
