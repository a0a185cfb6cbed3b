#include "signer/issue/signing_queue.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <future>
#include <set>

#include "signer/issue/signer.h"
#include "test/unit/issue/fake_kube_api.h"
#include "test/unit/issue/issue_fixture.h"

using namespace signet;
using namespace signet::test;
using Outcome = ReconcileResult::Outcome;

namespace {

CertificateSigningRequest request(const std::string& name, int version = 1) {
  CertificateSigningRequest csr;
  csr.name = name;
  csr.uid = "uid-" + name;
  csr.resource_version = std::to_string(version);
  return csr;
}

ReconcileResult done() { return {}; }
ReconcileResult again(bool unsettled = false) {
  return {.outcome = Outcome::kRetry, .message = "", .retry_after = {}, .unsettled = unsettled};
}

ReconcileResult throttled(const std::string& tenant, std::chrono::nanoseconds wait) {
  return {.outcome = Outcome::kThrottled,
          .message = tenant + " is throttled",
          .retry_after = {},
          .unsettled = false,
          .throttled = ReconcileResult::Throttled{.tenant = tenant, .wait = wait}};
}

SigningQueue::Options options(std::size_t workers, std::chrono::milliseconds wait = std::chrono::milliseconds(1)) {
  return {.workers = workers, .first_wait = wait, .longest_wait = wait, .random = [] { return 0.5; }};
}

/// With flows named after what comes before the dash in a request's name.
SigningQueue::Options flow_options(std::size_t workers) {
  SigningQueue::Options result = options(workers);
  result.flow_of = [](const CertificateSigningRequest& csr) { return csr.name.substr(0, csr.name.find('-')); };
  return result;
}

/// Says what was worked on, in order, and lets the test wait for it.
class Journal {
 public:
  void write(const CertificateSigningRequest& csr) { write(csr.name + "@" + csr.resource_version); }
  void write(const std::string& entry) {
    const std::lock_guard lock(mutex_);
    entries_.push_back(entry);
    changed_.notify_all();
  }
  std::vector<std::string> wait_for(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return entries_.size() >= count; });
    return entries_;
  }
  std::size_t size() {
    const std::lock_guard lock(mutex_);
    return entries_.size();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> entries_;
};

/// For many threads.
class LockedLog final : public AuditLog {
 public:
  tl::expected<void, std::string> append(const AuditRecord& record) override {
    const std::lock_guard lock(mutex_);
    return log_.append(record);
  }
  void append_eventually(const AuditRecord& record) override {
    const std::lock_guard lock(mutex_);
    log_.append_eventually(record);
  }
  [[nodiscard]] std::string problem() const override { return {}; }
  std::size_t size() {
    const std::lock_guard lock(mutex_);
    return log_.records.size();
  }

 private:
  std::mutex mutex_;
  MemoryLog log_;
};

SignerNames names_of(const Policy& policy) {
  SignerNames names;
  for (const std::string& signer : policy.signers()) names.insert(policy.signer_name(signer));
  return names;
}

/// A door that stays shut until the test opens it.
class Door {
 public:
  void open() { opened_.set_value(); }
  void pass() { future_.wait(); }

 private:
  std::promise<void> opened_;
  std::shared_future<void> future_ = opened_.get_future().share();
};

/// From four threads at once, `rounds` each: requests of `names` names come, and some go.
void add_and_remove(SigningQueue& queue, int names, int rounds) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&queue, names, rounds, t] {
      for (int i = 0; i < rounds; ++i) {
        const auto csr = request(std::to_string((i + t) % names), i);
        if (i % 5 == 0) {
          queue.remove(csr);
        } else {
          queue.add(csr);
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace

TEST_CASE("of a request that changes while it is worked on the newest state comes next, and never two at once") {
  Journal journal;
  Door door;
  SigningQueue queue(options(4), [&](const CertificateSigningRequest& csr, auto) {
    journal.write(csr);
    door.pass();
    return done();
  });
  queue.add(request("a", 1));
  CHECK(journal.wait_for(1) == std::vector<std::string>{"a@1"});
  queue.add(request("a", 2));
  queue.add(request("a", 3));
  queue.add(request("b", 1));
  CHECK(journal.wait_for(2) == std::vector<std::string>{"a@1", "b@1"});
  CHECK(queue.depth().working == 2);
  CHECK(queue.depth().waiting == 1);
  door.open();
  CHECK(journal.wait_for(3) == std::vector<std::string>{"a@1", "b@1", "a@3"});
  queue.stop();
  CHECK(journal.size() == 3);
  CHECK(queue.depth().waiting == 0);
}

TEST_CASE("several requests are in work at once") {
  constexpr std::size_t kWorkers = 4;
  Journal journal;
  Door door;
  SigningQueue queue(options(kWorkers), [&](const CertificateSigningRequest& csr, auto) {
    journal.write(csr);
    door.pass();
    return done();
  });
  for (std::size_t i = 0; i < kWorkers; ++i) queue.add(request(std::to_string(i)));
  CHECK(journal.wait_for(kWorkers).size() == kWorkers);
  CHECK(queue.depth().working == kWorkers);
  door.open();
}

TEST_CASE("what could not be decided comes back until it is") {
  Journal journal;
  std::atomic<int> left = 5;
  SigningQueue queue(options(2), [&](const CertificateSigningRequest& csr, auto) {
    journal.write(csr);
    return --left > 0 ? again() : done();
  });
  queue.add(request("a"));
  CHECK(journal.wait_for(5) == std::vector<std::string>(5, "a@1"));
  queue.stop();
  CHECK(journal.size() == 5);
}

TEST_CASE("what waits for the log comes back soon, however long others wait") {
  Journal journal;
  int left = 2;
  SigningQueue queue(options(1, std::chrono::hours(1)), [&](const CertificateSigningRequest& csr, auto) {
    journal.write(csr);
    ReconcileResult result = --left > 0 ? again() : done();
    result.awaits_log = left > 0;
    return result;
  });
  queue.add(request("a"));
  CHECK(journal.wait_for(2) == std::vector<std::string>(2, "a@1"));
}

TEST_CASE("what the API server's absence kept from being decided comes back soon, however often it has come back") {
  // Nothing would come back again within the test but for the transient wait.
  SigningQueue::Options slow = options(1, std::chrono::hours(1));
  slow.longest_transient_wait = std::chrono::milliseconds(1);
  Journal journal;
  SigningQueue queue(slow, [&](const CertificateSigningRequest& csr, auto) {
    journal.write(csr);
    ReconcileResult result = again();
    result.transient = true;
    return result;
  });
  queue.add(request("a"));
  CHECK(journal.wait_for(10).size() >= 10);
}

TEST_CASE("of many that wait to be tried again only so many are tried in a second") {
  constexpr int kRequests = 60;
  SigningQueue::Options few = options(4);
  few.most_tries_per_second = 100;
  std::atomic<int> tries = 0;
  std::atomic<SigningQueue::Clock::duration> last{};
  const auto begin = SigningQueue::Clock::now();
  Journal journal;
  SigningQueue queue(few, [&](const CertificateSigningRequest& csr, auto) {
    const bool first = ++tries <= kRequests;
    if (!first) journal.write(csr);
    last = SigningQueue::Clock::now() - begin;
    return first ? again() : done();
  });
  for (int i = 0; i < kRequests; ++i) queue.add(request(std::to_string(i)));
  CHECK(journal.wait_for(kRequests).size() == kRequests);
  CHECK(last.load() >= std::chrono::seconds(kRequests - 4) / 100);
}

TEST_CASE("a request keeps the time at which it came until it is decided") {
  Journal journal;
  std::vector<SigningQueue::Clock::time_point> since;
  int left = 3;
  SigningQueue queue(options(1), [&](const CertificateSigningRequest& csr, SigningQueue::Clock::time_point came) {
    since.push_back(came);
    journal.write(csr);
    return --left > 0 ? again() : done();
  });
  const auto begin = SigningQueue::Clock::now();
  queue.add(request("a"));
  const auto end = SigningQueue::Clock::now();
  journal.wait_for(3);
  queue.stop();
  REQUIRE(since.size() == 3);
  CHECK((begin <= since[0] && since[0] <= end));
  CHECK(since[1] == since[0]);
  CHECK(since[2] == since[0]);
}

TEST_CASE("a request that waits for another try is tried at once when it changes and not when it comes unchanged") {
  Journal journal;
  SigningQueue queue(options(1, std::chrono::hours(1)), [&](const CertificateSigningRequest& csr, auto) {
    journal.write(csr);
    return csr.resource_version == "1" ? again() : done();
  });
  queue.add(request("a", 1));
  journal.wait_for(1);
  queue.add(request("other", 2));
  journal.wait_for(2);
  queue.add(request("a", 1));
  queue.add(request("other", 3));
  journal.wait_for(3);
  queue.add(request("a", 2));
  CHECK(journal.wait_for(4) == std::vector<std::string>{"a@1", "other@2", "other@3", "a@2"});
}

TEST_CASE("a request that is gone is forgotten, unless the end of its certificate is not known") {
  Journal journal;
  SigningQueue queue(options(1, std::chrono::hours(1)), [&](const CertificateSigningRequest& csr, auto) {
    journal.write(csr);
    if (csr.resource_version != "1") return done();
    return again(csr.name == "unsettled");
  });
  queue.add(request("unsettled"));
  queue.add(request("settled"));
  queue.add(request("end", 2));
  journal.wait_for(3);
  queue.remove(request("settled", 2));
  queue.remove(request("never seen", 2));
  queue.remove(request("unsettled", 2));
  CHECK(journal.wait_for(4).back() == "unsettled@2");
  queue.stop();
  CHECK(queue.depth().waiting == 0);
  CHECK(journal.size() == 4);
}

TEST_CASE("a request that goes while it is worked on does not come back") {
  Journal journal;
  Door door;
  SigningQueue queue(options(1), [&](const CertificateSigningRequest& csr, auto) {
    journal.write(csr);
    if (csr.name == "a") door.pass();
    return csr.name == "a" ? again() : done();
  });
  queue.add(request("a"));
  journal.wait_for(1);
  queue.remove(request("a", 2));
  queue.add(request("b"));
  door.open();
  CHECK(journal.wait_for(2) == std::vector<std::string>{"a@1", "b@1"});
  queue.stop();
  CHECK(queue.depth().waiting == 0);
}

TEST_CASE("a state in which there is nothing to do takes no name in, and counts only for what was left open") {
  Journal journal;
  Door door;
  SigningQueue queue(options(2), [&](const CertificateSigningRequest& csr, auto) {
    journal.write(csr);
    if (csr.resource_version == "1") door.pass();
    return csr.name == "open" && csr.resource_version == "1" ? again() : done();
  });
  queue.note(request("new"));
  queue.add(request("decided"));
  journal.wait_for(1);
  queue.add(request("open"));
  CHECK(journal.wait_for(2) == std::vector<std::string>{"decided@1", "open@1"});
  queue.note(request("decided", 2));
  queue.note(request("open", 2));
  door.open();
  CHECK(journal.wait_for(3).back() == "open@2");
  queue.stop();
  CHECK(journal.size() == 3);
  CHECK(queue.depth().waiting == 0);
}

TEST_CASE("a cleared queue keeps what may have a certificate that nobody knows of, and takes the rest anew") {
  Journal journal;
  Door door;
  SigningQueue queue(options(1, std::chrono::hours(1)), [&](const CertificateSigningRequest& csr, auto) {
    journal.write(csr);
    if (csr.name == "in work") door.pass();
    if (csr.resource_version != "1") return done();
    return again(csr.name == "unsettled");
  });
  queue.add(request("unsettled"));
  queue.add(request("settled"));
  queue.add(request("in work"));
  journal.wait_for(3);
  queue.clear();
  CHECK(queue.depth().waiting == 1);
  queue.add(request("settled", 2));
  door.open();
  CHECK(journal.wait_for(4).back() == "settled@2");
  queue.add(request("unsettled", 2));
  CHECK(journal.wait_for(5).back() == "unsettled@2");
  queue.stop();
  CHECK(queue.depth().waiting == 0);
  CHECK(journal.size() == 5);
}

TEST_CASE("stop waits for what is under way and for nothing else") {
  Journal journal;
  Door door;
  std::atomic<bool> finished = false;
  SigningQueue queue(options(1), [&](const CertificateSigningRequest& csr, auto) {
    journal.write(csr);
    door.pass();
    finished = true;
    return done();
  });
  queue.add(request("a"));
  queue.add(request("b"));
  journal.wait_for(1);
  std::thread stopper([&] { queue.stop(); });
  door.open();
  stopper.join();
  CHECK(finished);
  queue.add(request("c"));
  CHECK(journal.size() <= 2);
}

TEST_CASE("many threads add, remove and change, and no name is ever worked on twice at once") {
  constexpr int kNames = 7;
  std::array<std::atomic<int>, kNames> working{};
  std::atomic<bool> twice = false;
  std::atomic<int> count = 0;
  {
    SigningQueue queue(options(6), [&](const CertificateSigningRequest& csr, auto) {
      std::atomic<int>& mine = working[static_cast<std::size_t>(std::stoi(csr.name))];
      if (++mine != 1) twice = true;
      std::this_thread::yield();
      --mine;
      const int now = ++count;
      count.notify_one();
      return now % 3 == 0 ? again(now % 2 == 0) : done();
    });
    add_and_remove(queue, kNames, 300);
    // However late the workers begin, they are not stopped before one has worked.
    queue.add(request("0", 300));
    count.wait(0);
  }
  CHECK_FALSE(twice);
}

TEST_CASE("whoever has one request waits one round, however many another has") {
  Journal journal;
  Door door;
  SigningQueue queue(flow_options(1), [&](const CertificateSigningRequest& csr, auto) {
    journal.write(csr);
    door.pass();
    return done();
  });
  queue.add(request("first"));
  journal.wait_for(1);
  for (int i = 0; i < 1'000; ++i) queue.add(request("many-" + std::to_string(i)));
  queue.add(request("one-0"));
  for (int i = 0; i < 3; ++i) queue.add(request("few-" + std::to_string(i)));
  CHECK(queue.depth().waiting == 1'004);
  door.open();
  const auto served = journal.wait_for(1'005);
  const std::vector<std::string> rounds = {"first@1", "many-0@1", "one-0@1", "few-0@1",  "many-1@1",
                                           "few-1@1", "many-2@1", "few-2@1", "many-3@1", "many-4@1"};
  CHECK(std::vector<std::string>(served.begin(), served.begin() + 10) == rounds);
  for (std::size_t i = 10; i < served.size(); ++i) REQUIRE(served[i] == "many-" + std::to_string(i - 5) + "@1");
}

TEST_CASE("all workers work for one flow while no other has anything") {
  constexpr std::size_t kWorkers = 4;
  Journal journal;
  Door door;
  SigningQueue queue(flow_options(kWorkers), [&](const CertificateSigningRequest& csr, auto) {
    journal.write(csr);
    door.pass();
    return done();
  });
  for (std::size_t i = 0; i < 2 * kWorkers; ++i) queue.add(request("foo-" + std::to_string(i)));
  journal.wait_for(kWorkers);
  CHECK(queue.depth().working == kWorkers);
  door.open();
  journal.wait_for(2 * kWorkers);
}

TEST_CASE("nobody waits for a flow that is throttled, and it waits for nothing that was given up") {
  Journal journal;
  SigningQueue queue(flow_options(2), [&](const CertificateSigningRequest& csr, auto) {
    journal.write(csr);
    return csr.name.starts_with("foo") ? throttled("foo", std::chrono::hours(1)) : done();
  });
  queue.add(request("foo-0"));
  journal.wait_for(1);
  for (int i = 0; i < 10; ++i) queue.add(request("bar-" + std::to_string(i)));
  journal.wait_for(11);
  SECTION("what is gone is forgotten") {
    while (queue.depth().working > 0) std::this_thread::yield();
    for (int i = 1; i < 5; ++i) queue.add(request("foo-" + std::to_string(i)));
    queue.add(request("foo-0", 2));
    CHECK(queue.depth().waiting == 5);
    for (int i = 0; i < 5; ++i) queue.remove(request("foo-" + std::to_string(i), 3));
    CHECK(queue.depth().waiting == 0);
    CHECK(journal.size() == 11);
  }
  SECTION("stop does not wait for the pause to end") {
    queue.add(request("foo-1"));
    queue.stop();
  }
}

TEST_CASE("without a token one request of a flow is tried at a time, and always the first") {
  Journal journal;
  Journal told;
  SigningQueue::Options with = flow_options(4);
  with.calm = std::chrono::hours(1);
  with.on_throttled = [&](const std::string& flow, const std::string& /*message*/) { told.write(flow); };
  SigningQueue queue(with, [&](const CertificateSigningRequest& csr, auto) {
    journal.write(csr);
    return throttled("foo", std::chrono::microseconds(100));
  });
  queue.add(request("foo-0"));
  told.wait_for(1);
  for (int i = 1; i < 20; ++i) queue.add(request("foo-" + std::to_string(i)));
  const auto tried = journal.wait_for(50);
  CHECK(tried == std::vector<std::string>(tried.size(), "foo-0@1"));
  CHECK(told.size() == 1);
  queue.stop();
}

TEST_CASE("a throttled flow goes on in its order, with what changed and without what went meanwhile") {
  Journal journal;
  Journal tries;
  std::atomic<bool> has_tokens = false;
  SigningQueue queue(flow_options(1), [&](const CertificateSigningRequest& csr, auto) {
    tries.write(csr);
    if (!has_tokens) return throttled("foo", std::chrono::milliseconds(1));
    journal.write(csr);
    return done();
  });
  for (int i = 0; i < 5; ++i) queue.add(request("foo-" + std::to_string(i)));
  tries.wait_for(1);
  queue.add(request("foo-1", 2));
  queue.add(request("foo-0", 2));
  queue.remove(request("foo-2", 2));
  queue.add(request("foo-5"));
  tries.wait_for(tries.size() + 2);
  has_tokens = true;
  CHECK(journal.wait_for(5) == std::vector<std::string>{"foo-0@2", "foo-1@2", "foo-3@1", "foo-4@1", "foo-5@1"});
}

TEST_CASE("a throttled flow whose tokens suffice again has all workers again") {
  constexpr std::size_t kWorkers = 4;
  Journal journal;
  Door door;
  Journal told;
  std::atomic<bool> has_tokens = false;
  std::atomic<int> left = 20;
  SigningQueue::Options with = flow_options(kWorkers);
  with.calm = std::chrono::hours(1);
  with.on_throttled = [&](const std::string& flow, const std::string& /*message*/) { told.write(flow); };
  SigningQueue queue(with, [&](const CertificateSigningRequest& csr, auto) {
    if (!has_tokens) return throttled("foo", std::chrono::milliseconds(1));
    if (--left >= 0) return done();
    journal.write(csr);
    door.pass();
    return done();
  });
  queue.add(request("foo-first"));
  told.wait_for(1);
  for (int i = 0; i < 30; ++i) queue.add(request("foo-" + std::to_string(i)));
  has_tokens = true;
  journal.wait_for(kWorkers);
  CHECK(queue.depth().working == kWorkers);
  door.open();
}

TEST_CASE("a flow is told of once when it begins to be throttled, and once when that is over") {
  Journal tries;
  Journal told;
  std::atomic<bool> has_tokens = false;
  SigningQueue::Options with = flow_options(1);
  with.calm = std::chrono::milliseconds(1);
  with.on_throttled = [&](const std::string& flow, const std::string& message) { told.write(flow + ": " + message); };
  SigningQueue queue(with, [&](const CertificateSigningRequest& csr, auto) {
    tries.write(csr);
    return has_tokens ? done() : throttled("foo", std::chrono::microseconds(100));
  });
  std::vector<std::string> expected;
  for (int round = 1; round <= 2; ++round) {
    has_tokens = false;
    for (int i = 0; i < 5; ++i) queue.add(request("foo-" + std::to_string(i), round));
    tries.wait_for(tries.size() + 20);
    expected.emplace_back("foo: foo is throttled");
    CHECK(told.wait_for(expected.size()) == expected);
    has_tokens = true;
    expected.emplace_back("foo: ");
    CHECK(told.wait_for(expected.size()) == expected);
  }
}

TEST_CASE("requests that turn out to be of a throttled tenant hold up nobody else's of the same signer") {
  Journal journal;
  SigningQueue queue(flow_options(1), [&](const CertificateSigningRequest& csr, auto) {
    journal.write(csr);
    return csr.name.ends_with("of-bar") ? throttled("bar", std::chrono::hours(1)) : done();
  });
  for (const char* name : {"foo-0-of-bar", "foo-1", "foo-2-of-bar", "foo-3"}) queue.add(request(name));
  CHECK(journal.wait_for(4) == std::vector<std::string>{"foo-0-of-bar@1", "foo-1@1", "foo-2-of-bar@1", "foo-3@1"});
  queue.add(request("bar-4"));
  queue.add(request("foo-5"));
  CHECK(journal.wait_for(5).back() == "foo-5@1");
  queue.stop();
}

TEST_CASE("the end of a certificate is looked for though its tenant is throttled") {
  Journal throttling;
  Journal settled;
  SigningQueue queue(flow_options(1), [&](const CertificateSigningRequest& csr, auto) {
    if (csr.name == "foo-1") {
      throttling.write(csr);
      return throttled("foo", std::chrono::hours(1));
    }
    if (throttling.size() == 0) return again(true);
    settled.write(csr);
    return done();
  });
  queue.add(request("foo-0"));
  queue.add(request("foo-1"));
  CHECK(settled.wait_for(1) == std::vector<std::string>{"foo-0@1"});
}

TEST_CASE(
    "many threads add, remove and change requests of flows that are throttled, and none is worked on twice or lost") {
  constexpr int kNames = 12;
  std::array<std::atomic<int>, kNames> working{};
  std::atomic<bool> twice = false;
  std::atomic<bool> has_tokens = false;
  std::atomic<int> count = 0;
  SigningQueue::Options with = options(6);
  const auto flow_of = [](const std::string& name) { return std::to_string(std::stoi(name) % 3); };
  with.flow_of = [&](const CertificateSigningRequest& csr) { return flow_of(csr.name); };
  with.calm = std::chrono::microseconds(50);
  SigningQueue queue(with, [&](const CertificateSigningRequest& csr, auto) {
    std::atomic<int>& mine = working[static_cast<std::size_t>(std::stoi(csr.name))];
    if (++mine != 1) twice = true;
    std::this_thread::yield();
    --mine;
    const int now = ++count;
    if (has_tokens || now % 4 == 0) return done();
    if (now % 4 == 1) return again(now % 8 == 1);
    return throttled(now % 16 == 2 ? "another" : flow_of(csr.name), std::chrono::microseconds(20));
  });
  add_and_remove(queue, kNames, 500);
  has_tokens = true;
  while (queue.depth().waiting + queue.depth().working > 0) std::this_thread::yield();
  CHECK_FALSE(twice);
}

TEST_CASE("a signer finds what waits in the list and brings all of it to its end") {
  FakeKubeApi api;
  constexpr int kRequests = 20;
  for (int i = 0; i < kRequests; ++i) {
    auto csr = fixture_request(i % 2 == 0 ? "workload-ecdsa" : "workload-asks-another-tenants-signer");
    csr.name += "-" + std::to_string(i);
    csr.uid += std::to_string(i);
    api.put(csr);
  }
  LockedLog log;
  const auto policy = std::make_shared<const Policy>(fixture_policy());
  const auto authorities = std::make_shared<const CaStore>(fixture_authorities());
  Journal ended;
  const KnownNamespaces namespaces;
  Signer signer({.api = api,
                 .audit = log,
                 .basis =
                     [&] {
                       return SigningBasis{policy, authorities};
                     },
                 .namespaces = namespaces,
                 .now = [] { return kNow; },
                 .watch = {.signers = names_of(*policy), .pacing = {.random = [] { return 0.5; }}},
                 .queue = options(4),
                 .on_problem = [](const std::string&) {},
                 .on_result =
                     [&](const CertificateSigningRequest& csr, const ReconcileResult& result, auto) {
                       if (result.outcome == Outcome::kPublished || result.outcome == Outcome::kFailed) {
                         ended.write(csr);
                       }
                     }});
  const auto names = ended.wait_for(kRequests);
  signer.stop();
  CHECK(signer.synced());
  CHECK(signer.unsettled() == 0);
  CHECK(std::set<std::string>(names.begin(), names.end()).size() == kRequests);
  CHECK(log.size() == kRequests / 2 * 2 + kRequests / 2);
}

TEST_CASE("a signer holds a tenant to its quota, says so once, and has nobody else wait") {
  FakeKubeApi api;
  constexpr int kRequests = 4;
  for (const char* review : {"workload-ecdsa", "workload-bar"}) {
    for (int i = 0; i < kRequests; ++i) {
      auto csr = fixture_request(review);
      csr.name += "-" + std::to_string(i);
      csr.uid += std::to_string(i);
      api.put(csr);
    }
  }
  PolicyModel model = fixture_policy().model();
  model.tenants.front().quota = {.per_minute = 1, .burst = 1};
  const auto policy = std::make_shared<const Policy>(model, "digest");
  const auto authorities = std::make_shared<const CaStore>(fixture_authorities());
  LockedLog log;
  Journal ended;
  Journal told;
  const KnownNamespaces namespaces;
  Signer signer({.api = api,
                 .audit = log,
                 .basis =
                     [&] {
                       return SigningBasis{policy, authorities};
                     },
                 .namespaces = namespaces,
                 .now = [] { return kNow; },
                 .watch = {.signers = names_of(*policy), .pacing = {.random = [] { return 0.5; }}},
                 .queue = options(2),
                 .on_problem = [&](const std::string& message) { told.write(message); },
                 .on_result =
                     [&](const CertificateSigningRequest& csr, const ReconcileResult& result, auto) {
                       if (result.outcome == Outcome::kPublished) ended.write(csr);
                     }});
  ended.wait_for(kRequests + 1);
  const auto messages = told.wait_for(1);
  signer.stop();
  CHECK(messages.size() == 1);
  CHECK(messages.front() ==
        "tenant \"foo\" has used up its quota (tenants[foo].quota: 1 a minute, burst 1); its other requests wait");
  CHECK(ended.size() == kRequests + 1);
  CHECK(signer.depth().waiting == kRequests - 1);
  CHECK(log.size() == 2 * (kRequests + 1));
}

TEST_CASE("a signer that follows others signs what was approved for them before, and goes on with its own") {
  FakeKubeApi api;
  const auto wanted = fixture_request("workload-ecdsa");
  api.put(wanted);
  const auto all = std::make_shared<const Policy>(fixture_policy());
  PolicyModel model = all->model();
  std::erase_if(model.tenants, [&](const auto& tenant) {
    return all->signer_name(tenant.signers.front()) == wanted.spec.signer_name;
  });
  const auto without = std::make_shared<const Policy>(std::move(model), "without the signer");
  const auto authorities = std::make_shared<const CaStore>(fixture_authorities());
  LockedLog log;
  Journal ended;
  std::atomic<bool> knows_all = false;
  const KnownNamespaces namespaces;
  Signer signer(
      {.api = api,
       .audit = log,
       .basis =
           [&] {
             return SigningBasis{knows_all ? all : without, authorities};
           },
       .namespaces = namespaces,
       .now = [] { return kNow; },
       .watch = {.signers = names_of(*without), .pacing = {.random = [] { return 0.5; }}},
       .queue = options(4),
       .on_problem = [](const std::string&) {},
       .on_result = [&](const CertificateSigningRequest& csr, const ReconcileResult&, auto) { ended.write(csr); }});
  knows_all = true;
  signer.follow(names_of(*all));
  CHECK(ended.wait_for(1) == std::vector<std::string>{wanted.name + "@10"});
  CHECK_FALSE(api.stored(wanted.name)->status.certificate.empty());

  while (!signer.synced()) std::this_thread::yield();
  signer.stop();
  auto late = wanted;
  late.name += "-late";
  api.put(late);
  signer.follow(names_of(*all));
  CHECK(api.stored(late.name)->status.certificate.empty());
  CHECK(ended.size() == 1);
}

TEST_CASE("a signer does nothing before its turn, and in each turn finds what waits") {
  FakeKubeApi api;
  const auto first = fixture_request("workload-ecdsa");
  api.put(first);
  const auto policy = std::make_shared<const Policy>(fixture_policy());
  const auto authorities = std::make_shared<const CaStore>(fixture_authorities());
  LockedLog log;
  Journal ended;
  std::atomic<bool> may_sign = false;
  const KnownNamespaces namespaces;
  Signer signer({.api = api,
                 .audit = log,
                 .basis =
                     [&] {
                       return SigningBasis{policy, authorities};
                     },
                 .namespaces = namespaces,
                 .now = [] { return kNow; },
                 .watch = {.signers = {}, .pacing = {.random = [] { return 0.5; }}},
                 .queue = options(4),
                 .may_sign = [&] { return may_sign.load(); },
                 .on_problem = [](const std::string&) {},
                 .on_result =
                     [&](const CertificateSigningRequest& csr, const ReconcileResult& result, auto) {
                       ended.write(csr.name + (result.outcome == Outcome::kPublished ? " published" : " otherwise"));
                     }});
  // The policy may change meanwhile.
  signer.follow(names_of(*policy));
  CHECK(signer.synced());
  CHECK(ended.size() == 0);
  for (int turn = 1; turn <= 2; ++turn) {
    may_sign = true;
    signer.take_up();
    CHECK(ended.wait_for(static_cast<std::size_t>(turn)).back() == first.name + " published");
    may_sign = false;
    signer.lay_down();
    // What is there for the next turn has waited for it.
    api.touch(first.name, [](auto& csr) { csr.status.certificate.clear(); });
  }
  signer.stop();
  may_sign = true;
  signer.take_up();
  CHECK(ended.size() == 2);
  CHECK(log.size() == 4);
}
