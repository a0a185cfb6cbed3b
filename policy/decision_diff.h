#pragma once

#include <chrono>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "policy/policy.h"

namespace signet {

/// What comes of one request under one policy, as far as two policies are compared.
struct RequestOutcome {
  Decision::Verdict verdict = Decision::Verdict::kNotOurs;
  std::vector<std::string> findings;  ///< of a denial, as its user sees them, one a line, shortened
  // Of a grant.
  std::string signer;  ///< full signerName
  std::chrono::seconds lifetime{0};

  friend auto operator<=>(const RequestOutcome&, const RequestOutcome&) = default;
};

[[nodiscard]] RequestOutcome outcome_under(const Policy& policy, const Decision& decision);

/// Whether somebody would notice: another verdict, or a certificate by another signer or for another lifetime. Not
/// whether a denial has other reasons.
[[nodiscard]] bool is_change(const RequestOutcome& before, const RequestOutcome& after);

/// Requests that are told together: the same was asked, and the same comes of it.
struct ChangedDecision {
  struct Asked {
    std::string identity;  ///< empty where none could be read
    std::string signer;    ///< full signerName
    std::string requester;
    std::string name_space;  ///< of a CertificateRequest; empty for a CertificateSigningRequest

    friend auto operator<=>(const Asked&, const Asked&) = default;
  };
  Asked asked;
  RequestOutcome before;
  RequestOutcome after;
  std::uint64_t count = 0;
  // When such a request was decided, RFC 3339 in UTC.
  std::string first;
  std::string last;
};

/// So many changes that differ are kept; more than that no person reads.
inline constexpr std::size_t kMaxChangedDecisions = 5000;

/// Gathers changes, those that are equal together, in bounded memory.
class DecisionDiff {
 public:
  /// `count` requests that were decided at `time`.
  void add(const ChangedDecision::Asked& asked, const RequestOutcome& before, const RequestOutcome& after,
           std::uint64_t count, std::string_view time);

  /// Most frequent first; of equal counts, in the order of what was asked.
  [[nodiscard]] std::vector<ChangedDecision> changes() const;
  /// All that were added.
  [[nodiscard]] std::uint64_t changed() const { return changed_; }
  /// Those of them that `changes` does not tell, for want of room.
  [[nodiscard]] std::uint64_t untold() const { return untold_; }

 private:
  struct Key {
    ChangedDecision::Asked asked;
    RequestOutcome before;
    RequestOutcome after;

    friend auto operator<=>(const Key&, const Key&) = default;
  };
  struct Seen {
    std::uint64_t count = 0;
    std::string first;
    std::string last;
  };

  std::map<Key, Seen> seen_;
  std::uint64_t changed_ = 0;
  std::uint64_t untold_ = 0;
};

}  // namespace signet
