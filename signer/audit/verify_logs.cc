#include "signer/audit/verify_logs.h"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <ranges>
#include <utility>

#include "signer/csr/sha256.h"

namespace signet {
namespace {

using Event = AuditRecord::Event;
using Kind = LogFinding::Kind;

bool tells_of_certificates(std::string_view event) {
  return event == to_string(Event::kIssued) || event == to_string(Event::kPublished) ||
         event == to_string(Event::kDiscarded) || event == to_string(Event::kRefused);
}

bool is_granted(const AuditRecord& record) {
  return (record.decision == "granted" || record.decision == "would-deny") && !record.signer_granted.empty();
}

LogFinding finding(Kind kind, LogPlace place, const AuditRecord& record, std::optional<LogPlace> other = std::nullopt) {
  return {.kind = kind,
          .place = place,
          .other = other,
          .request_uid = record.csr_uid,
          .certificate = record.certificate ? record.certificate->sha256 : std::string(),
          .detail = {}};
}

}  // namespace

bool VerifiedLogs::holds() const {
  return problems.count == 0 && missing_heads.empty() &&
         std::ranges::none_of(logs, [](const Log& log) { return log.problem.has_value(); });
}

void LogVerification::add(std::istream& log) {
  VerifiedLogs::Log added;
  const std::size_t index = result_.logs.size();
  const auto visit = [&](std::uint64_t number, std::string_view line, const SealedLine& sealed) {
    if (added.summary.lines == 0) {
      added.before = {.seq = sealed.seq - 1, .hash = sealed.prev};
    }
    ++added.summary.lines;
    added.summary.head = {.seq = sealed.seq, .hash = sealed.hash};
    result_.missing_heads.erase(sealed.hash);
    if (tells_of_certificates(sealed.event)) {
      add_line({.log = index, .line = number}, line);
    }
  };
  if (const auto verified = verify_chain(log, visit)) {
    added.summary = *verified;
    if (verified->lines == 0) added.problem = ChainProblem{.line = 1, .message = "there is none: the log is empty"};
  } else {
    added.problem = verified.error();
  }
  if (added.before.seq > 0) {
    const auto continued = std::ranges::find(result_.logs, added.before,
                                             [](const VerifiedLogs::Log& other) { return other.summary.head; });
    if (continued != result_.logs.end()) {
      added.continues = static_cast<std::size_t>(continued - result_.logs.begin());
    }
  }
  result_.logs.push_back(std::move(added));
}

VerifiedLogs LogVerification::take() {
  for (auto& [sha256, certificate] : unended_) {
    const auto request = requests_.find(key_of(certificate.request_uid));
    certificate.another_published =
        request != requests_.end() && request->second.published && !request->second.presumed;
    result_.unended.push_back(std::move(certificate));
  }
  std::ranges::sort(result_.unended, {}, &UnendedCertificate::place);
  return std::move(result_);
}

LogVerification::RequestKey LogVerification::key_of(std::string_view uid) {
  constexpr std::size_t kDigits = 16;
  const std::string digest = sha256_hex(uid);
  const char* const middle = digest.data() + kDigits;
  RequestKey key;
  std::from_chars(digest.data(), middle, key.high, 16);
  std::from_chars(middle, middle + kDigits, key.low, 16);
  return key;
}

void LogVerification::add_line(LogPlace place, std::string_view line) {
  const auto read = read_record(line);
  if (!read) {
    return tell(result_.problems, {.kind = Kind::kUnreadable,
                                   .place = place,
                                   .other = std::nullopt,
                                   .request_uid = {},
                                   .certificate = {},
                                   .detail = read.error()});
  }
  const AuditRecord& record = read->record;
  const bool has_certificate = record.certificate && !record.certificate->sha256.empty();
  if (record.csr_uid.empty() || (record.event != Event::kRefused && !has_certificate)) {
    LogFinding unreadable = finding(Kind::kUnreadable, place, record);
    unreadable.detail = "it does not say of which request, or which certificate";
    return tell(result_.problems, std::move(unreadable));
  }
  if (record.event == Event::kIssued) {
    add_issued(place, record);
  } else if (record.event != Event::kRefused) {
    add_end(place, record);
  } else {
    ++result_.refused;
    Request& request = requests_[key_of(record.csr_uid)];
    request.refused = true;
    if (request.published) {
      tell(result_.notes, finding(Kind::kPublishedAndRefused, place, record, request.published));
    }
  }
}

void LogVerification::add_issued(LogPlace place, const AuditRecord& record) {
  ++result_.issued;
  if (!is_granted(record)) tell(result_.problems, finding(Kind::kNotGranted, place, record));
  unended_.insert_or_assign(record.certificate->sha256, UnendedCertificate{.place = place,
                                                                           .csr_name = record.csr_name,
                                                                           .request_uid = record.csr_uid,
                                                                           .sha256 = record.certificate->sha256,
                                                                           .another_published = false});
}

void LogVerification::add_end(LogPlace place, const AuditRecord& record) {
  const bool is_published = record.event == Event::kPublished;
  ++(is_published ? result_.published : result_.discarded);
  const auto issued = unended_.find(record.certificate->sha256);
  if (issued == unended_.end() || issued->second.request_uid != record.csr_uid) {
    tell(result_.problems, finding(Kind::kNotIssued, place, record));
  } else {
    unended_.erase(issued);
  }
  if (is_published) note_published(place, record);
}

void LogVerification::note_published(LogPlace place, const AuditRecord& record) {
  const bool presumed = record.message.starts_with(kPresumedPublished);
  if (presumed) ++result_.presumed;
  Request& request = requests_[key_of(record.csr_uid)];
  if (request.refused) tell(result_.notes, finding(Kind::kPublishedAndRefused, place, record));
  if (!request.published) {
    request.published = place;
    request.presumed = presumed;
    return;
  }
  if (presumed || request.presumed) {
    tell(result_.notes, finding(Kind::kPresumedBesides, place, record, request.published));
  } else {
    tell(result_.problems, finding(Kind::kPublishedTwice, place, record, request.published));
  }
  if (!presumed && request.presumed) {
    request.published = place;
    request.presumed = false;
  }
}

void LogVerification::tell(LogFindings& findings, LogFinding finding) {
  ++findings.count;
  if (findings.first.size() < kMaxLogFindings) findings.first.push_back(std::move(finding));
}

}  // namespace signet
