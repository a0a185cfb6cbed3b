#include "tools/signet/policy/policy_diff_report.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <sstream>
#include <string_view>
#include <vector>

#include "policy/duration.h"
#include "policy/quoting.h"
#include "policy/shown_text.h"
#include "signer/kube/json_writer.h"

namespace signet {
namespace {

using Verdict = Decision::Verdict;

// What a column shows of a text that a stranger chose.
constexpr std::size_t kMaxCellBytes = 200;

constexpr std::size_t kColumns = 5;
using Row = std::array<std::string, kColumns>;

// "granted → denied", "granted for 24h → for 1h by example.org/bar".
std::string change_text(const RequestOutcome& before, const RequestOutcome& after) {
  if (before.verdict != after.verdict) {
    return std::string(to_string(before.verdict)) + " → " + std::string(to_string(after.verdict));
  }
  std::string from = "granted";
  std::string to = " →";
  if (before.lifetime != after.lifetime) {
    from += " for " + to_string(before.lifetime);
    to += " for " + to_string(after.lifetime);
  }
  if (before.signer != after.signer) {
    from += " by " + before.signer;
    to += " by " + after.signer;
  }
  return from + to;
}

std::string cell(std::string_view text) { return text.empty() ? "-" : shown(text, kMaxCellBytes); }

Row row_of(const ChangedDecision& change) {
  return {std::to_string(change.count), change_text(change.before, change.after), cell(change.asked.identity),
          cell(change.asked.signer), cell(change.asked.requester)};
}

void write_rows(std::ostream& out, const std::vector<ChangedDecision>& changes) {
  std::vector<Row> rows = {{"count", "change", "identity", "signer", "requester"}};
  std::ranges::transform(changes, std::back_inserter(rows), row_of);
  Row::size_type column = 0;
  std::array<std::size_t, kColumns> widths{};
  for (; column < kColumns; ++column) {
    for (const Row& row : rows) {
      widths[column] = std::max(widths[column], width_of(row[column]));
    }
  }
  const std::string indent(2 + widths[0] + 2, ' ');
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const Row& row = rows[i];
    out << "  " << std::string(widths[0] - width_of(row[0]), ' ') << row[0];
    for (column = 1; column < kColumns; ++column) {
      const bool last = column + 1 == kColumns;
      out << "  " << row[column] << (last ? "" : std::string(widths[column] - width_of(row[column]), ' '));
    }
    out << "\n";
    if (i == 0) {
      continue;
    }
    const ChangedDecision& change = changes[i - 1];
    out << indent << shown(change.first, kMaxCellBytes);
    out << (change.last == change.first ? "" : " to " + shown(change.last, kMaxCellBytes));
    out << (change.asked.name_space.empty() ? "" : ", a CertificateRequest in " + in_quotes(change.asked.name_space));
    out << "\n";
    // Why it is denied, or was.
    for (const std::string& finding :
         change.after.verdict == Verdict::kDenied ? change.after.findings : change.before.findings) {
      out << indent << finding << "\n";
    }
  }
}

void write_note(std::ostream& out, const ReplayNote& note, std::string_view what) {
  if (note.count > 0) {
    out << what << ": " << note.count << ", the first in line " << note.first_line << ": "
        << shown(note.why, kMaxCellBytes) << "\n";
  }
}

void write_note(JsonWriter& json, std::string_view key, const ReplayNote& note) {
  json.key(key).begin_object().key("count").integer(static_cast<std::int64_t>(note.count));
  if (note.count > 0) {
    json.key("firstLine").integer(static_cast<std::int64_t>(note.first_line)).key("reason").string(note.why);
  }
  json.end_object();
}

void write_outcome(JsonWriter& json, std::string_view key, const RequestOutcome& outcome) {
  json.key(key).begin_object().key("decision").string(to_string(outcome.verdict));
  if (!outcome.signer.empty()) {
    json.key("signer").string(outcome.signer).key("lifetimeSeconds").integer(outcome.lifetime.count());
  }
  if (!outcome.findings.empty()) {
    json.key("findings").begin_array();
    for (const std::string& finding : outcome.findings) {
      json.string(finding);
    }
    json.end_array();
  }
  json.end_object();
}

void write_file(JsonWriter& json, std::string_view key, const PolicyDiffReport::File& file) {
  json.key(key).begin_object().key("file").string(file.path).key("digest").string(file.digest).end_object();
}

std::string plural(std::uint64_t count, std::string_view what) {
  return std::to_string(count) + " " + std::string(what) + (count == 1 ? "" : "s");
}

}  // namespace

std::string notes_of(const PolicyDiffReport& report) {
  const AuditReplay& replay = report.replay;
  std::ostringstream out;
  if (const ReplayNote& note = replay.decided_otherwise; note.count > 0) {
    out << "not decided as " << report.before.path << " says now: " << note.count << ", the first in line "
        << note.first_line << ": " << note.why << "\n";
    for (const auto& [digest, count] : replay.other_digests) {
      out << "  " << count << " under "
          << (digest == report.before.digest ? "this very policy"
              : digest.empty()               ? "a policy that is not told"
                                             : "another policy: digest " + shown(digest, kMaxCellBytes))
          << "\n";
    }
  }
  write_note(out, replay.without_request, "cannot be replayed");
  std::vector<std::string> kinds;
  for (const auto& [count, kind] : {std::pair{replay.pods, "Pod"}, std::pair{replay.proxy_configs, "ProxyConfig"},
                                    std::pair{replay.updates, "update"}}) {
    if (count > 0) {
      kinds.push_back(plural(count, kind));
    }
  }
  if (!kinds.empty()) {
    out << "not replayed: " << joined(kinds) << "\n";
  }
  if (replay.dropped > 0) {
    out << "not in the log, which had no room for them: " << plural(replay.dropped, "review") << "\n";
  }
  write_note(out, replay.unreadable, "lines that cannot be read");
  if (replay.others > 0) {
    out << "lines that are none of an audit log: " << replay.others << "\n";
  }
  if (replay.cut_off) {
    out << "the last line is cut off, and was left out\n";
  }
  return out.str();
}

std::string to_text(const PolicyDiffReport& report) {
  const DecisionDiff& diff = report.replay.diff;
  std::ostringstream out;
  out << report.before.path << " → " << report.after.path << " (" << report.audit << ")\n";
  if (diff.changed() > 0) {
    write_rows(out, diff.changes());
  }
  if (diff.untold() > 0) {
    out << "  " << diff.untold() << " more, beyond the first " << kMaxChangedDecisions << " changes that differ\n";
  }
  out << plural(report.replay.replayed, "record") << " replayed, " << diff.changed() << " would change\n";
  out << notes_of(report);
  return out.str();
}

std::string to_json(const PolicyDiffReport& report) {
  const AuditReplay& replay = report.replay;
  const auto number = [](std::uint64_t count) { return static_cast<std::int64_t>(count); };
  JsonWriter json;
  json.begin_object();
  write_file(json, "old", report.before);
  write_file(json, "new", report.after);
  json.key("audit").string(report.audit).key("replayed").integer(number(replay.replayed));
  json.key("changed").integer(number(replay.diff.changed())).key("changes").begin_array();
  for (const ChangedDecision& change : replay.diff.changes()) {
    json.begin_object().key("count").integer(number(change.count));
    json.key("first").string(change.first).key("last").string(change.last);
    json.key("identity").string(change.asked.identity).key("signer").string(change.asked.signer);
    json.key("requester").string(change.asked.requester);
    if (!change.asked.name_space.empty()) {
      json.key("certificateRequestIn").string(change.asked.name_space);
    }
    write_outcome(json, "old", change.before);
    write_outcome(json, "new", change.after);
    json.end_object();
  }
  json.end_array().key("notListed").integer(number(replay.diff.untold()));
  write_note(json, "decidedOtherwise", replay.decided_otherwise);
  json.key("otherPolicies").begin_array();
  for (const auto& [digest, count] : replay.other_digests) {
    json.begin_object().key("digest").string(digest).key("count").integer(number(count)).end_object();
  }
  json.end_array();
  write_note(json, "cannotBeReplayed", replay.without_request);
  json.key("notReplayed").begin_object().key("pods").integer(number(replay.pods));
  json.key("proxyConfigs").integer(number(replay.proxy_configs)).key("updates").integer(number(replay.updates));
  json.end_object().key("dropped").integer(number(replay.dropped));
  write_note(json, "unreadableLines", replay.unreadable);
  json.key("otherLines").integer(number(replay.others)).key("lastLineCutOff").boolean(replay.cut_off);
  json.end_object();
  return json.take() + "\n";
}

}  // namespace signet
