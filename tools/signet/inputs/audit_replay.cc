#include "tools/signet/inputs/audit_replay.h"

#include <optional>
#include <utility>

#include "policy/quoting.h"
#include "signer/audit/audit_line.h"
#include "webhook/certificate_request_review.h"

namespace signet {
namespace {

using Event = AuditRecord::Event;
using Verdict = Decision::Verdict;

constexpr std::string_view kPatched = "patched";

// Reads a line; of one that is longer than any of a log no more than shows that. False at the end.
bool next_line(std::istream& log, std::string& line, bool& ended) {
  line.clear();
  ended = false;
  for (int character = log.get(); character != std::istream::traits_type::eof(); character = log.get()) {
    if (character == '\n') {
      ended = true;
      return true;
    }
    if (line.size() <= kMaxAuditLineBytes) {
      line += static_cast<char>(character);
    }
  }
  return !line.empty();
}

Decision decide(const RecordedRequest& request, const Policy& policy, const NamespaceLabels& namespaces) {
  return request.facts.kind == SigningRequest::Kind::kCertificateRequest
             ? decide_certificate_request(request.facts, request.name_space, policy, namespaces)
             : policy.evaluate(request.facts, namespaces);
}

// What mutation at CREATE makes of it.
RecordedRequest mutated(RecordedRequest request, const Policy& policy, const NamespaceLabels& namespaces) {
  if (request.facts.kind == SigningRequest::Kind::kCertificateSigningRequest) {
    Policy::Adjustment adjustment = policy.adjust(request.facts, namespaces);
    request.facts.signer_name = std::move(adjustment.signer_name).value_or(request.facts.signer_name);
    if (adjustment.expiration_seconds) {
      request.facts.expiration_seconds = adjustment.expiration_seconds;
    }
  }
  return request;
}

struct Outcomes {
  RequestOutcome before;
  RequestOutcome after;

  friend bool operator==(const Outcomes&, const Outcomes&) = default;
};

Outcomes outcomes_of(const RecordedRequest& request, const ReplayedPolicies& policies) {
  const auto created = [&](const Policy& policy) {
    const NamespaceLabels& namespaces = policies.namespaces;
    return outcome_under(policy, decide(mutated(request, policy, namespaces), policy, namespaces));
  };
  return {.before = created(policies.before), .after = created(policies.after)};
}

// Whether the record of the decision, which has what mutation made of `request`, tells the same.
bool is_told_by_decision(const RecordedRequest& request, const Outcomes& outcomes, const ReplayedPolicies& policies) {
  return outcomes_of(mutated(request, policies.before, policies.namespaces), policies) == outcomes;
}

class Replay {
 public:
  explicit Replay(const ReplayedPolicies& policies) : policies_(policies) {}

  void add(const ReadRecord& read, std::uint64_t line) {
    if (read.event.empty()) {
      ++result_.others;
    } else if (read.event == "dropped") {
      result_.dropped += read.count;
    } else if (read.event == to_string(Event::kReview)) {
      add_review(read, line);
    } else if (read.event == to_string(Event::kIssued) || read.event == to_string(Event::kRefused)) {
      add_request(read, line);
    }
  }

  void add_unreadable(std::uint64_t line, std::string_view why) { result_.unreadable.add(1, line, why); }
  void set_cut_off() { result_.cut_off = true; }
  AuditReplay take() { return std::move(result_); }

 private:
  void add_review(const ReadRecord& read, std::uint64_t line) {
    const AuditRecord& record = read.record;
    if (record.object.starts_with("Pod ")) {
      result_.pods += read.count;
    } else if (record.object.starts_with("ProxyConfig ")) {
      result_.proxy_configs += read.count;
    } else if (!record.request && record.object.empty() && record.operation == "UPDATE") {
      result_.updates += read.count;
    } else {
      add_request(read, line);
    }
  }

  void add_request(const ReadRecord& read, std::uint64_t line) {
    const AuditRecord& record = read.record;
    if (!record.request || record.request->clipped) {
      result_.without_request.add(
          read.count, line,
          record.request ? "its request was not kept: too long, or no UTF-8" : "it does not have the request");
      return;
    }
    const RecordedRequest& request = *record.request;
    result_.replayed += read.count;
    const Outcomes outcomes = outcomes_of(request, policies_);
    const bool is_mutation = record.decision == kPatched;
    if (is_change(outcomes.before, outcomes.after) &&
        !(is_mutation && is_told_by_decision(request, outcomes, policies_))) {
      result_.diff.add({.identity = record.identity,
                        .signer = record.signer_requested,
                        .requester = record.requester,
                        .name_space = request.name_space},
                       outcomes.before, outcomes.after, read.count, read.time);
    }
    if (!is_mutation) {
      compare_with_recorded(read, line);
    }
  }

  void compare_with_recorded(const ReadRecord& read, std::uint64_t line) {
    const AuditRecord& record = read.record;
    const std::string_view now = to_string(decide(*record.request, policies_.before, policies_.namespaces).verdict);
    if (record.decision == now) {
      return;
    }
    result_.decided_otherwise.add(read.count, line,
                                  "recorded as " + in_quotes(record.decision) + ", now " + std::string(now));
    const auto known = result_.other_digests.find(record.policy);
    if (known != result_.other_digests.end()) {
      known->second += read.count;
    } else if (result_.other_digests.size() < kMaxOtherDigests) {
      result_.other_digests.emplace(record.policy, read.count);
    }
  }

  const ReplayedPolicies& policies_;
  AuditReplay result_;
};

}  // namespace

void ReplayNote::add(std::uint64_t more, std::uint64_t line, std::string_view reason) {
  if (count == 0) {
    first_line = line;
    why = reason;
  }
  count += more;
}

AuditReplay replay_audit(std::istream& log, const ReplayedPolicies& policies) {
  Replay replay(policies);
  std::string line;
  bool ended = false;
  for (std::uint64_t number = 1; next_line(log, line, ended); ++number) {
    const auto read = read_record(line);
    if (read) {
      replay.add(*read, number);
    } else if (ended) {
      replay.add_unreadable(number, read.error());
    } else {
      replay.set_cut_off();
    }
  }
  return replay.take();
}

}  // namespace signet
