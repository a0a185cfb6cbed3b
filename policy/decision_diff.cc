#include "policy/decision_diff.h"

#include <algorithm>

#include "policy/shown_text.h"

namespace signet {
namespace {

// Of a finding that lists all that a stranger asked for, its beginning.
constexpr std::size_t kMaxFindingBytes = 500;

}  // namespace

RequestOutcome outcome_under(const Policy& policy, const Decision& decision) {
  RequestOutcome outcome;
  outcome.verdict = decision.verdict;
  for (const Finding& finding : decision.findings) {
    outcome.findings.push_back(shown(to_line(finding), kMaxFindingBytes));
  }
  if (decision.grant) {
    outcome.signer = policy.signer_name(decision.grant->terms().signer);
    outcome.lifetime = decision.grant->terms().lifetime;
  }
  return outcome;
}

bool is_change(const RequestOutcome& before, const RequestOutcome& after) {
  return before.verdict != after.verdict || before.signer != after.signer || before.lifetime != after.lifetime;
}

void DecisionDiff::add(const ChangedDecision::Asked& asked, const RequestOutcome& before, const RequestOutcome& after,
                       std::uint64_t count, std::string_view time) {
  changed_ += count;
  Key key{.asked = asked, .before = before, .after = after};
  auto found = seen_.find(key);
  if (found == seen_.end()) {
    if (seen_.size() >= kMaxChangedDecisions) {
      untold_ += count;
      return;
    }
    found =
        seen_.emplace(std::move(key), Seen{.count = 0, .first = std::string(time), .last = std::string(time)}).first;
  }
  Seen& seen = found->second;
  seen.count += count;
  seen.first = std::min(seen.first, std::string(time));
  seen.last = std::max(seen.last, std::string(time));
}

std::vector<ChangedDecision> DecisionDiff::changes() const {
  std::vector<ChangedDecision> changes;
  for (const auto& [key, seen] : seen_) {
    changes.push_back({.asked = key.asked,
                       .before = key.before,
                       .after = key.after,
                       .count = seen.count,
                       .first = seen.first,
                       .last = seen.last});
  }
  std::ranges::stable_sort(changes, std::greater<>(), &ChangedDecision::count);
  return changes;
}

}  // namespace signet
