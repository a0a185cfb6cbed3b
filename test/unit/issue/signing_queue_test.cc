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

SigningQueue::Options options(std::size_t workers, std::chrono::milliseconds wait = std::chrono::milliseconds(1)) {
  return {.workers = workers, .first_wait = wait, .longest_wait = wait, .random = [] { return 0.5; }};
}

/// Says what was worked on, in order, and lets the test wait for it.
class Journal {
 public:
  void write(const CertificateSigningRequest& csr) {
    const std::lock_guard lock(mutex_);
    entries_.push_back(csr.name + "@" + csr.resource_version);
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
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&queue, t] {
        for (int i = 0; i < 300; ++i) {
          const auto csr = request(std::to_string((i + t) % kNames), i);
          if (i % 5 == 0) {
            queue.remove(csr);
          } else {
            queue.add(csr);
          }
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    // However late the workers begin, they are not stopped before one has worked.
    queue.add(request("0", 300));
    count.wait(0);
  }
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
  Signer signer({.api = api,
                 .audit = log,
                 .basis =
                     [&] {
                       return SigningBasis{policy, authorities};
                     },
                 .now = [] { return kNow; },
                 .watch = {.signers = names_of(*policy), .random = [] { return 0.5; }},
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
  Signer signer(
      {.api = api,
       .audit = log,
       .basis =
           [&] {
             return SigningBasis{knows_all ? all : without, authorities};
           },
       .now = [] { return kNow; },
       .watch = {.signers = names_of(*without), .random = [] { return 0.5; }},
       .queue = options(4),
       .on_problem = [](const std::string&) {},
       .on_result = [&](const CertificateSigningRequest& csr, const ReconcileResult&, auto) { ended.write(csr); }});
  knows_all = true;
  signer.follow(names_of(*all));
  CHECK(ended.wait_for(1) == std::vector<std::string>{wanted.name + "@10"});
  CHECK_FALSE(api.stored(wanted.name)->status.certificate.empty());

  signer.stop();
  CHECK(signer.synced());
  auto late = wanted;
  late.name += "-late";
  api.put(late);
  signer.follow(names_of(*all));
  CHECK(api.stored(late.name)->status.certificate.empty());
  CHECK(ended.size() == 1);
}
