#include "signer/audit/review_log.h"

#include <catch2/catch.hpp>
#include <thread>

#include "test/unit/audit/scratch.h"

using namespace signet;
using std::chrono::seconds;
using test::count_of;
using test::read_file;
using test::verify_text;

namespace {

AuditRecord review(const std::string& identity) {
  AuditRecord record;
  record.decision = "denied";
  record.reason = "SignerNotAllowed";
  record.requester = "istiod";
  record.identity = identity;
  return record;
}

const ReviewCoalescer::Time kNow{seconds(1000)};

const ReviewCoalescer::Limits kLimits{
    .interval = seconds(10), .burst = 5, .per_second = 1, .max_waiting = 100, .max_remembered = 100};

}  // namespace

TEST_CASE("the first of alike reviews is told at once and the others as a count when the interval has passed") {
  ReviewCoalescer coalescer(kLimits);
  for (int i = 0; i < 4; ++i) coalescer.offer(review("a"), kNow + seconds(i));
  const auto first = coalescer.take(kNow + seconds(4), false);
  REQUIRE(first.size() == 1);
  CHECK(first[0].members.find("count") == std::string::npos);
  CHECK(coalescer.take(kNow + seconds(9), false).empty());
  CHECK(coalescer.next() == kNow + seconds(10));

  const auto counted = coalescer.take(kNow + seconds(10), false);
  REQUIRE(counted.size() == 1);
  CHECK(counted[0].members.find(R"("event":"review","count":3,)") == 0);
  CHECK(coalescer.next() == std::nullopt);
  CHECK(coalescer.dropped() == 0);
}

TEST_CASE("reviews that differ in what decides them are told apart") {
  ReviewCoalescer coalescer(
      {.interval = seconds(10), .burst = 100, .per_second = 1, .max_waiting = 100, .max_remembered = 100});
  coalescer.offer(review("a"), kNow);
  for (const auto field :
       {&AuditRecord::decision, &AuditRecord::reason, &AuditRecord::requester, &AuditRecord::identity,
        &AuditRecord::tenant, &AuditRecord::signer_requested, &AuditRecord::operation, &AuditRecord::key_type,
        &AuditRecord::object, &AuditRecord::policy}) {
    AuditRecord other = review("a");
    other.*field = "other";
    coalescer.offer(other, kNow);
  }
  AuditRecord dry = review("a");
  dry.dry_run = true;
  coalescer.offer(dry, kNow);
  AuditRecord moved = review("");
  moved.requester += "a";
  coalescer.offer(moved, kNow);
  AuditRecord same = review("a");
  same.csr_name = "another object";
  coalescer.offer(same, kNow);
  AuditRecord with_request = review("a");
  for (const char* const group : {"a", "b", "b"}) {
    SigningRequest request;
    request.requester_groups = {group};
    with_request.request = recorded_request(request);
    coalescer.offer(with_request, kNow);
  }
  CHECK(coalescer.take(kNow, false).size() == 15);
}

TEST_CASE("lines beyond the rate are dropped, counted and the count is told") {
  ReviewCoalescer coalescer(kLimits);
  for (int i = 0; i < 50; ++i) coalescer.offer(review(std::to_string(i)), kNow);
  const auto lines = coalescer.take(kNow, false);
  REQUIRE(lines.size() == 6);
  CHECK(lines.back().members == R"("event":"dropped","count":45)");
  CHECK(coalescer.dropped() == 45);

  // Three seconds later there is room for three.
  for (int i = 100; i < 110; ++i) coalescer.offer(review(std::to_string(i)), kNow + seconds(3));
  CHECK(coalescer.take(kNow + seconds(3), false).size() == 3);
  CHECK(coalescer.dropped() == 52);
  const auto told = coalescer.take(kNow + seconds(10), false);
  REQUIRE(told.size() == 1);
  CHECK(told[0].members == R"("event":"dropped","count":7)");
}

TEST_CASE("what waits and what is remembered is bounded") {
  ReviewCoalescer coalescer(
      {.interval = seconds(10), .burst = 1000, .per_second = 1000, .max_waiting = 3, .max_remembered = 2});
  for (int i = 0; i < 10; ++i) coalescer.offer(review(std::to_string(i)), kNow);
  CHECK(coalescer.take(kNow, false).size() == 4);
  CHECK(coalescer.dropped() == 7);
  // The third was told but not remembered: it is told again.
  coalescer.offer(review("1"), kNow);
  coalescer.offer(review("2"), kNow);
  CHECK(coalescer.take(kNow, false).size() == 1);
}

TEST_CASE("a line that could not be written is counted with all that it told of") {
  ReviewCoalescer coalescer(kLimits);
  for (int i = 0; i < 4; ++i) coalescer.offer(review("a"), kNow);
  for (const auto& line : coalescer.take(kNow, true)) coalescer.put_back(line);
  CHECK(coalescer.dropped() == 4);
  const auto told = coalescer.take(kNow, true);
  REQUIRE(told.size() == 1);
  CHECK(told[0].members == R"("event":"dropped","count":4)");
  coalescer.put_back(told[0]);
  CHECK(coalescer.dropped() == 4);
  CHECK(coalescer.take(kNow, true)[0].members == told[0].members);
}

TEST_CASE("the end tells every count that is open") {
  ReviewCoalescer coalescer(kLimits);
  coalescer.offer(review("a"), kNow);
  coalescer.offer(review("a"), kNow);
  CHECK(coalescer.take(kNow, true).size() == 2);
  CHECK(coalescer.take(kNow, true).empty());
}

TEST_CASE("what many threads record stands in the log or in its counts when it has stopped") {
  constexpr int kThreads = 4;
  constexpr int kEach = 500;
  const test::Scratch scratch;
  const std::string path = scratch.file("reviews");
  auto log = ReviewLog::open(path, {}, test::fixed_clock());
  REQUIRE(log);
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&log, t] {
      for (int i = 0; i < kEach; ++i) (*log)->record(review(std::to_string(t)));
    });
  }
  for (std::thread& thread : threads) thread.join();
  (*log)->stop();
  CHECK((*log)->dropped() == 0);
  const std::string text = read_file(path);
  REQUIRE(verify_text(text));
  CHECK(verify_text(text)->lines == 1 + 2 * kThreads);
  CHECK(count_of(text, R"("count":499)") == kThreads);
}

TEST_CASE("reviews that cannot be written are counted and never fail") {
  const test::Scratch scratch;
  const std::string path = scratch.file("reviews");
  auto log = ReviewLog::open(path, {}, test::fixed_clock());
  REQUIRE(log);
  const std::string before = read_file(path);
  {
    const test::FullDisk full(before.size());
    for (int i = 0; i < 3; ++i) (*log)->record(review("a"));
    (*log)->stop();
  }
  CHECK((*log)->dropped() == 3);
  CHECK(read_file(path) == before);
}

TEST_CASE("a log that has grown to its bound is put away once and begun anew") {
  const test::Scratch scratch;
  const std::string path = scratch.file("reviews");
  // Each opening writes at least one line, so that the bound is passed before the next.
  for (int i = 0; i < 4; ++i) {
    ReviewLog::Limits limits;
    limits.max_file_bytes = 400;
    auto log = ReviewLog::open(path, limits, test::fixed_clock());
    REQUIRE(log);
    for (int j = 0; j < 3; ++j) (*log)->record(review(std::to_string(i) + "-" + std::to_string(j)));
    (*log)->stop();
  }
  CHECK(verify_text(read_file(path)));
  CHECK(verify_text(read_file(path + ".1")));
  CHECK_FALSE(std::filesystem::exists(path + ".2"));
}

TEST_CASE("a log that cannot be begun anew goes on where it was, and loses no line that was written") {
  const test::Scratch scratch;
  const std::string path = scratch.file("reviews");
  {
    auto log = ReviewLog::open(path, {}, test::fixed_clock());
    REQUIRE(log);
    (*log)->record(review("old"));
    (*log)->stop();
  }
  const std::string before = read_file(path);
  ReviewLog::Limits limits;
  limits.max_file_bytes = before.size();
  for (int i = 0; i < 3; ++i) {
    auto log = ReviewLog::open(path, limits, test::fixed_clock());
    REQUIRE(log);
    {
      const test::FullDisk full(10);
      (*log)->record(review("lost"));
      (*log)->stop();
    }
    CHECK((*log)->dropped() == 1);
    CHECK(read_file(path) == before);
  }
  CHECK_FALSE(std::filesystem::exists(path + ".1"));
}

TEST_CASE("a log for which there is no room yet counts the reviews that it loses and goes on when there is") {
  const test::Scratch scratch;
  const std::string path = scratch.file("log");
  std::unique_ptr<ReviewLog> log;
  {
    const test::FullDisk full(0);
    log = std::move(*ReviewLog::open(path, {}, test::fixed_clock()));
    log->record(review("lost"));
    while (log->dropped() == 0) std::this_thread::yield();
  }
  log->record(review("told"));
  log->stop();
  const std::string text = read_file(path);
  CHECK(verify_text(text));
  CHECK(count_of(text, "\"told\"") == 1);
  CHECK(count_of(text, "\"lost\"") == 0);
  CHECK(log->dropped() == 1);
}

TEST_CASE("a log that was removed is begun anew under its name") {
  const test::Scratch scratch;
  const std::string path = scratch.file("log");
  const auto log = std::move(*ReviewLog::open(path, {}, test::fixed_clock()));
  std::filesystem::remove(path);
  log->record(review("told"));
  log->stop();
  CHECK(verify_text(read_file(path))->lines == 2);
  CHECK(log->dropped() == 0);
}
