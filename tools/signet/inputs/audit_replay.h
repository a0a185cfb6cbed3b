#pragma once

#include <cstdint>
#include <istream>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "policy/decision_diff.h"
#include "policy/namespace_labels.h"
#include "policy/policy.h"
#include "signer/audit/read_record.h"

namespace signet {

/// What is asked about decisions of the past.
struct ReplayedPolicies {
  const Policy& before;
  const Policy& after;
  const NamespaceLabels& namespaces;
};

/// Lines or records of one sort: how many, and the first of them.
struct ReplayNote {
  std::uint64_t count = 0;
  std::uint64_t first_line = 0;
  std::string why;  ///< of the first

  void add(std::uint64_t more, std::uint64_t line, std::string_view reason);
};

/// What a log's decisions would be now. Records count as often as they say that they stand for equal ones.
struct AuditReplay {
  DecisionDiff diff;
  std::uint64_t replayed = 0;
  /// Records whose decision is not what the old policy says now, and the digests of those that they were made under,
  /// the first few.
  ReplayNote decided_otherwise;
  std::map<std::string, std::uint64_t> other_digests;
  ReplayNote without_request;
  // Reviews that are not replayed.
  std::uint64_t pods = 0;
  std::uint64_t proxy_configs = 0;
  std::uint64_t updates = 0;  ///< of CertificateSigningRequests
  std::uint64_t dropped = 0;  ///< that the log says it did not have room for
  ReplayNote unreadable;      ///< lines
  std::uint64_t others = 0;   ///< lines of JSON that are no audit log's
  bool cut_off = false;       ///< the last line is not whole, and was left out
};

/// At most so many different digests are told.
inline constexpr std::size_t kMaxOtherDigests = 5;

/// Takes every decision on a request for a certificate in `log` again, under both policies, as the request would be
/// created now: its lifetime clamped and the routed signer replaced. Memory is bounded whatever the log.
///
/// A request that mutation changed has two records in a review log: that of the mutation, with what was asked, and that
/// of the decision, with what was made of it. A change that both show is told once.
[[nodiscard]] AuditReplay replay_audit(std::istream& log, const ReplayedPolicies& policies);

}  // namespace signet
