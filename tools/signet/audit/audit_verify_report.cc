#include "tools/signet/audit/audit_verify_report.h"

#include <algorithm>
#include <ranges>
#include <sstream>
#include <string_view>

#include "policy/shown_text.h"
#include "signer/kube/json_writer.h"

namespace signet {
namespace {

using Kind = LogFinding::Kind;
using Log = VerifiedLogs::Log;

// What is shown of a text of a log.
constexpr std::size_t kMaxShownBytes = 200;

// People are told so many of a sort; JSON has all that are kept.
constexpr std::size_t kMaxShown = 20;

std::string_view meaning_of(Kind kind) {
  switch (kind) {
    case Kind::kUnreadable:
      return "cannot be read";
    case Kind::kNotGranted:
      return "issued for a request that was not granted";
    case Kind::kNotIssued:
      return "the end of a certificate that was not issued for the request before, or whose end is told already";
    case Kind::kPublishedTwice:
      return "published for a request for which one was published already";
    case Kind::kPresumedBesides:
      return "published beside another of the same request; of one of the two it is only presumed";
    case Kind::kPublishedAndRefused:
      return "the request was published and refused; one of the two was overtaken when it was written";
  }
  return {};
}

std::string plural(std::uint64_t count, std::string_view what) {
  return std::to_string(count) + " " + std::string(what) + (count == 1 ? "" : "s");
}

std::string text_of(const LogPlace& place, const std::vector<std::string>& files) {
  return files[place.log] + ":" + std::to_string(place.line);
}

void write_log(std::ostream& out, const std::string& file, const Log& log, const std::vector<std::string>& files) {
  out << file << ": ";
  if (log.problem) {
    out << "does not hold: line " << log.problem->line << ": " << shown(log.problem->message, kMaxShownBytes) << "\n";
    return;
  }
  out << "holds: " << plural(log.summary.lines, "line");
  if (log.summary.chains > 1) out << " in " << log.summary.chains << " chains";
  if (log.summary.torn > 0) out << ", cut off in " << plural(log.summary.torn, "place");
  if (log.continues) {
    out << ", continues " << files[*log.continues];
  } else if (log.before.seq > 0) {
    out << ", continues seq " << log.before.seq << " of what was not given";
  }
  out << "; head: seq " << log.summary.head.seq << ", " << log.summary.head.hash << "\n";
}

void write_subject(std::ostream& out, std::string_view uid, std::string_view certificate) {
  if (!uid.empty()) out << "; request " << shown(uid, kMaxShownBytes);
  if (!certificate.empty()) out << ", certificate " << shown(certificate, kMaxShownBytes);
  out << "\n";
}

void write_rest(std::ostream& out, std::string_view what, std::uint64_t count) {
  if (count > kMaxShown) out << what << count - kMaxShown << " more\n";
}

void write_findings(std::ostream& out, std::string_view what, const LogFindings& findings,
                    const std::vector<std::string>& files) {
  for (const LogFinding& finding : findings.first | std::views::take(kMaxShown)) {
    out << what << text_of(finding.place, files) << ": " << meaning_of(finding.kind);
    if (!finding.detail.empty()) out << ": " << shown(finding.detail, kMaxShownBytes);
    if (finding.other) out << ", see " << text_of(*finding.other, files);
    write_subject(out, finding.request_uid, finding.certificate);
  }
  write_rest(out, what, findings.count);
}

JsonWriter& write_count(JsonWriter& json, std::string_view key, std::uint64_t count) {
  return json.key(key).integer(static_cast<std::int64_t>(count));
}

void write_head(JsonWriter& json, std::string_view key, const ChainHead& head) {
  write_count(json.key(key).begin_object(), "seq", head.seq).key("hash").string(head.hash).end_object();
}

void write_place(JsonWriter& json, const LogPlace& place, const std::vector<std::string>& files) {
  write_count(json.key("file").string(files[place.log]), "line", place.line);
}

void write_log(JsonWriter& json, const std::string& file, const Log& log, const std::vector<std::string>& files) {
  json.begin_object().key("file").string(file).key("holds").boolean(!log.problem);
  write_count(json, "lines", log.summary.lines);
  if (log.problem) {
    write_count(json, "line", log.problem->line).key("problem").string(log.problem->message);
  } else {
    write_count(json, "chains", log.summary.chains);
    write_count(json, "torn", log.summary.torn);
    write_head(json, "head", log.summary.head);
  }
  if (log.before.seq > 0) write_head(json, "before", log.before);
  if (log.continues) json.key("continues").string(files[*log.continues]);
  json.end_object();
}

void write_findings(JsonWriter& json, std::string_view key, const LogFindings& findings,
                    const std::vector<std::string>& files) {
  write_count(json.key(key).begin_object(), "count", findings.count).key("first").begin_array();
  for (const LogFinding& finding : findings.first) {
    write_place(json.begin_object(), finding.place, files);
    json.key("message").string(meaning_of(finding.kind));
    if (!finding.detail.empty()) json.key("detail").string(finding.detail);
    if (!finding.request_uid.empty()) json.key("requestUid").string(finding.request_uid);
    if (!finding.certificate.empty()) json.key("certificateSha256").string(finding.certificate);
    if (finding.other) {
      write_place(json.key("other").begin_object(), *finding.other, files);
      json.end_object();
    }
    json.end_object();
  }
  json.end_array().end_object();
}

}  // namespace

std::string to_text(const AuditVerifyReport& report) {
  const VerifiedLogs& verified = report.verified;
  std::ostringstream out;
  for (std::size_t i = 0; i < verified.logs.size(); ++i) {
    write_log(out, report.files[i], verified.logs[i], report.files);
  }
  out << "certificates: " << verified.issued << " issued, " << verified.published << " published";
  if (verified.presumed > 0) out << " (" << verified.presumed << " presumed)";
  out << ", " << verified.discarded << " discarded, " << verified.unended.size() << " without an end; "
      << plural(verified.refused, "refusal") << "\n";
  for (const std::string& head : verified.missing_heads) {
    out << "problem: no line has the expected hash " << head << "\n";
  }
  write_findings(out, "problem: ", verified.problems, report.files);
  write_findings(out, "note: ", verified.notes, report.files);
  for (const UnendedCertificate& certificate : verified.unended | std::views::take(kMaxShown)) {
    out << "note: " << text_of(certificate.place, report.files) << ": issued, and no end is told: "
        << (certificate.another_published ? "not published, for another was"
                                          : "the signer is at work, or ended before it could tell")
        << "; CertificateSigningRequest " << shown(certificate.csr_name, kMaxShownBytes);
    write_subject(out, certificate.request_uid, certificate.sha256);
  }
  write_rest(out, "note: without an end: ", verified.unended.size());
  out << (verified.holds() ? "holds\n" : "does not hold\n");
  return out.str();
}

std::string to_json(const AuditVerifyReport& report) {
  const VerifiedLogs& verified = report.verified;
  JsonWriter json;
  json.begin_object().key("holds").boolean(verified.holds()).key("files").begin_array();
  for (std::size_t i = 0; i < verified.logs.size(); ++i) {
    write_log(json, report.files[i], verified.logs[i], report.files);
  }
  json.end_array();
  write_count(json, "issued", verified.issued);
  write_count(json, "published", verified.published);
  write_count(json, "presumed", verified.presumed);
  write_count(json, "discarded", verified.discarded);
  write_count(json, "refused", verified.refused);
  json.key("missingHeads").begin_array();
  for (const std::string& head : verified.missing_heads) {
    json.string(head);
  }
  json.end_array();
  write_findings(json, "problems", verified.problems, report.files);
  write_findings(json, "notes", verified.notes, report.files);
  json.key("withoutEnd").begin_array();
  for (const UnendedCertificate& certificate : verified.unended) {
    write_place(json.begin_object(), certificate.place, report.files);
    json.key("csrName").string(certificate.csr_name).key("requestUid").string(certificate.request_uid);
    json.key("certificateSha256").string(certificate.sha256);
    json.key("anotherPublished").boolean(certificate.another_published).end_object();
  }
  return json.end_array().end_object().take() + "\n";
}

}  // namespace signet
