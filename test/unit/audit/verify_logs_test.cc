#include "signer/audit/verify_logs.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <sstream>
#include <utility>

#include "test/unit/audit/scratch.h"

using namespace signet;

namespace {

using Event = AuditRecord::Event;
using Kind = LogFinding::Kind;

// Of request uid-`request`; the certificate's SHA-256 is only compared.
AuditRecord record(Event event, const std::string& request, const std::string& certificate = {}) {
  AuditRecord record = test::issued(request);
  record.event = event;
  record.signer_granted = "clusterissuers.cert-manager.io/foo";
  if (!certificate.empty()) {
    record.certificate = AuditRecord::Certificate{
        .serial = "01", .not_before = std::chrono::sys_seconds(), .not_after = {}, .sha256 = certificate};
  }
  return record;
}

AuditRecord issued(const std::string& request, const std::string& certificate) {
  return record(Event::kIssued, request, certificate);
}

AuditRecord published(const std::string& request, const std::string& certificate) {
  return record(Event::kPublished, request, certificate);
}

AuditRecord discarded(const std::string& request, const std::string& certificate) {
  return record(Event::kDiscarded, request, certificate);
}

AuditRecord refused(const std::string& request) {
  AuditRecord told = record(Event::kRefused, request);
  told.decision = "denied";
  told.signer_granted.clear();
  return told;
}

AuditRecord presumed(const std::string& request, const std::string& certificate) {
  AuditRecord told = published(request, certificate);
  told.message = std::string(kPresumedPublished) + "the request is gone";
  return told;
}

AuditRecord denied(AuditRecord record) {
  record.decision = "denied";
  record.signer_granted.clear();
  return record;
}

using Records = std::vector<AuditRecord>;

// A log of its own, or what follows `head`.
std::string log_of(const Records& records, ChainHead& head) {
  const auto time = test::fixed_clock()();
  std::string text = head.seq == 0 ? seal_line(start_members(AuditStream::kIssuance, {}), time, head) : std::string();
  for (const AuditRecord& record : records) text += seal_line(audit_members(record), time, head);
  return text;
}

std::string log_of(const Records& records) {
  ChainHead head;
  return log_of(records, head);
}

VerifiedLogs verify(const std::vector<std::string>& logs, std::set<std::string> heads = {}) {
  LogVerification verification(std::move(heads));
  for (const std::string& log : logs) {
    std::istringstream in(log);
    verification.add(in);
  }
  return verification.take();
}

}  // namespace

TEST_CASE("what logs tell of certificates fits together or does not") {
  struct Row {
    const char* name;
    std::vector<Records> logs;
    std::vector<Kind> problems;
    std::vector<Kind> notes;
    std::size_t unended;
  };
  const Row row = GENERATE(values<Row>({
      {"published", {{issued("a", "1"), published("a", "1")}}, {}, {}, 0},
      {"two at once", {{issued("a", "1"), issued("b", "2"), published("b", "2"), published("a", "1")}}, {}, {}, 0},
      {"discarded, then published",
       {{issued("a", "1"), discarded("a", "1"), issued("a", "2"), published("a", "2")}},
       {},
       {},
       0},
      {"refused", {{refused("a")}}, {}, {}, 0},
      {"no end", {{issued("a", "1")}}, {}, {}, 1},
      {"no end, and another replica went on", {{issued("a", "1")}, {issued("a", "2"), published("a", "2")}}, {}, {}, 1},
      {"published and never issued", {{published("a", "1")}}, {Kind::kNotIssued}, {}, 0},
      {"discarded and never issued", {{discarded("a", "1")}}, {Kind::kNotIssued}, {}, 0},
      {"published before it was issued", {{published("a", "1"), issued("a", "1")}}, {Kind::kNotIssued}, {}, 1},
      {"another certificate than the issued", {{issued("a", "1"), published("a", "2")}}, {Kind::kNotIssued}, {}, 1},
      {"another's certificate", {{issued("a", "1"), published("b", "1")}}, {Kind::kNotIssued}, {}, 1},
      {"published though discarded",
       {{issued("a", "1"), discarded("a", "1"), published("a", "1")}},
       {Kind::kNotIssued},
       {},
       0},
      {"two published for a request",
       {{issued("a", "1"), published("a", "1"), issued("a", "2"), published("a", "2")}},
       {Kind::kPublishedTwice},
       {},
       0},
      {"two published by two replicas",
       {{issued("a", "1"), published("a", "1")}, {issued("a", "2"), published("a", "2")}},
       {Kind::kPublishedTwice},
       {},
       0},
      {"one of the two is presumed",
       {{issued("a", "1"), published("a", "1")}, {issued("a", "2"), presumed("a", "2")}},
       {},
       {Kind::kPresumedBesides},
       0},
      {"the first of the two is presumed",
       {{issued("a", "1"), presumed("a", "1")}, {issued("a", "2"), published("a", "2")}},
       {},
       {Kind::kPresumedBesides},
       0},
      {"two beside one that is presumed",
       {{issued("a", "1"), presumed("a", "1")},
        {issued("a", "2"), published("a", "2")},
        {issued("a", "3"), published("a", "3")}},
       {Kind::kPublishedTwice},
       {Kind::kPresumedBesides},
       0},
      {"issued for what was denied", {{denied(issued("a", "1"))}}, {Kind::kNotGranted}, {}, 1},
      {"refused, then granted after all",
       {{refused("a"), issued("a", "1"), published("a", "1")}},
       {},
       {Kind::kPublishedAndRefused},
       0},
      {"refused by a replica that was late",
       {{issued("a", "1"), published("a", "1")}, {refused("a")}},
       {},
       {Kind::kPublishedAndRefused},
       0},
      {"no request", {{record(Event::kIssued, "a")}}, {Kind::kUnreadable}, {}, 0},
  }));
  INFO(row.name);
  std::vector<std::string> logs;
  for (const Records& records : row.logs) logs.push_back(log_of(records));
  const VerifiedLogs verified = verify(logs);
  const auto kinds = [](const LogFindings& findings) {
    std::vector<Kind> found;
    std::ranges::transform(findings.first, std::back_inserter(found), &LogFinding::kind);
    return found;
  };
  CHECK(kinds(verified.problems) == row.problems);
  CHECK(kinds(verified.notes) == row.notes);
  CHECK(verified.unended.size() == row.unended);
  CHECK(verified.holds() == row.problems.empty());
}

TEST_CASE("what was tolerated by its mode was granted") {
  AuditRecord tolerated = issued("a", "1");
  tolerated.decision = "would-deny";
  CHECK(verify({log_of({tolerated, published("a", "1")})}).holds());
}

TEST_CASE("a finding tells where it is, and where the other is") {
  const VerifiedLogs verified =
      verify({log_of({issued("a", "1"), published("a", "1")}),
              log_of({refused("b"), issued("a", "2"), published("a", "2"), issued("c", "3")})});
  REQUIRE(verified.problems.first.size() == 1);
  const LogFinding& finding = verified.problems.first[0];
  CHECK(finding.place == LogPlace{1, 4});
  CHECK(finding.other == LogPlace{0, 3});
  CHECK(finding.request_uid == "uid-a");
  CHECK(finding.certificate == "2");
  CHECK(verified.issued == 3);
  CHECK(verified.published == 2);
  CHECK(verified.refused == 1);
  REQUIRE(verified.unended.size() == 1);
  CHECK(verified.unended[0].place == LogPlace{1, 5});
  CHECK(verified.unended[0].csr_name == "c");
}

TEST_CASE("a certificate without an end was not published where another of its request was") {
  const auto unended_beside = [](const AuditRecord& other) {
    return verify({log_of({issued("a", "1"), issued("a", "2"), other})}).unended.at(0).another_published;
  };
  CHECK(unended_beside(published("a", "2")));
  CHECK_FALSE(unended_beside(presumed("a", "2")));
  CHECK_FALSE(unended_beside(discarded("a", "2")));
}

TEST_CASE("a log that continues another before it is known by its head, wherever that was given") {
  ChainHead head;
  const std::string first = log_of({issued("a", "1")}, head);
  const ChainHead end_of_first = head;
  const std::string second = log_of({published("a", "1")}, head);
  const std::string other = log_of({issued("b", "2")});

  const VerifiedLogs in_order = verify({first, other, second});
  CHECK(in_order.holds());
  CHECK(in_order.logs[0].before == ChainHead{});
  CHECK_FALSE(in_order.logs[1].continues);
  CHECK(in_order.logs[2].before == end_of_first);
  CHECK(in_order.logs[2].continues == 0);

  const VerifiedLogs alone = verify({second});
  CHECK(alone.logs[0].before == end_of_first);
  CHECK_FALSE(alone.logs[0].continues);
  CHECK_FALSE(alone.holds());
}

TEST_CASE("the output of several processes, one after the other, is judged as one log") {
  const VerifiedLogs verified = verify({log_of({issued("a", "1"), published("a", "1")}) + log_of({issued("b", "2")})});
  CHECK(verified.holds());
  CHECK(verified.logs[0].summary.chains == 2);
  CHECK(verified.unended.size() == 1);
}

TEST_CASE("a log whose chain breaks does not hold, and those beside it are judged") {
  const std::string good = log_of({issued("a", "1"), published("a", "1")});
  std::string broken = log_of({issued("b", "2"), published("b", "2")});
  broken.replace(broken.find("uid-b"), 5, "uid-a");
  const VerifiedLogs verified = verify({broken, good});
  CHECK_FALSE(verified.holds());
  REQUIRE(verified.logs[0].problem);
  CHECK(verified.logs[0].problem->line == 2);
  CHECK_FALSE(verified.logs[1].problem);
  CHECK(verified.published == 1);

  CHECK_FALSE(verify({""}).holds());
}

TEST_CASE("a log that was cut off, or written anew, lacks the head that was kept elsewhere") {
  ChainHead head;
  const std::string text = log_of({issued("a", "1")}, head);
  const std::string kept = head.hash;
  const std::string grown = text + log_of({published("a", "1")}, head);
  CHECK(verify({grown}, {kept}).holds());
  CHECK(verify({grown}, {kept, head.hash}).holds());
  const VerifiedLogs cut_off = verify({text}, {kept, head.hash});
  CHECK_FALSE(cut_off.holds());
  CHECK(cut_off.missing_heads == std::set{head.hash});
}

TEST_CASE("however many findings there are, the first are told and all are counted") {
  Records records(kMaxLogFindings + 5, published("a", "1"));
  const VerifiedLogs verified = verify({log_of(records)});
  CHECK(verified.problems.first.size() == kMaxLogFindings);
  CHECK(verified.problems.count == 2 * records.size() - 1);
}

TEST_CASE("reviews have a chain, and tell nothing of certificates") {
  AuditRecord review = record(Event::kReview, "a");
  const VerifiedLogs verified = verify({log_of({review, review})});
  CHECK(verified.holds());
  CHECK(verified.logs[0].summary.lines == 3);
  CHECK(verified.issued + verified.published + verified.refused == 0);
}
