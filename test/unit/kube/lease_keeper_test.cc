#include "signer/kube/lease_keeper.h"

#include <algorithm>
#include <atomic>
#include <catch2/catch.hpp>
#include <condition_variable>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "test/unit/kube/scripted_api.h"

namespace signet {
namespace {

using namespace std::chrono_literals;

// A Lease with the API server's rule for resourceVersions.
class LeaseApi final : public ScriptedApi {
 public:
  std::atomic<bool> fails = false;

  KubeResult<Lease> get_lease(const std::string& name_space, const std::string& name) override {
    const std::lock_guard lock(mutex_);
    if (name_space != "ns" || name != "signet") std::abort();  // Catch's checks are for one thread
    if (fails) return injected(KubeError::Kind::kServer);
    if (!lease_) return injected(KubeError::Kind::kNotFound);
    return *lease_;
  }
  KubeResult<Lease> write_lease(const std::string&, const Lease& lease) override {
    const std::lock_guard lock(mutex_);
    if (fails) return injected(KubeError::Kind::kServer);
    if (lease.resource_version != (lease_ ? lease_->resource_version : "")) {
      return injected(KubeError::Kind::kConflict);
    }
    lease_ = lease;
    lease_->resource_version = std::to_string(++version_);
    return *lease_;
  }
  std::string holder() {
    const std::lock_guard lock(mutex_);
    return lease_ ? lease_->holder : "";
  }

 private:
  std::mutex mutex_;
  std::optional<Lease> lease_;
  int version_ = 0;
};

// What keepers told, in order, for a test to wait for.
class Told {
 public:
  void add(const std::string& text) {
    const std::lock_guard lock(mutex_);
    told_.push_back(text);
    changed_.notify_all();
  }
  std::vector<std::string> wait_for(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return told_.size() >= count; });
    return told_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> told_;
};

struct Replica {
  Replica(LeaseApi& api, Told& told, const std::string& name, LeaseTiming timing,
          std::function<bool()> stands_aside = {})
      : keeper({.api = api,
                .term = term,
                .name_space = "ns",
                .name = "signet",
                .identity = name,
                .timing = timing,
                .stands_aside = std::move(stands_aside),
                .on_change = [&told, name](bool held) { told.add(name + (held ? " holds it" : " holds it no more")); },
                .on_problem = [&told, name](const std::string& message) { told.add(name + ": " + message); }}) {}

  LeaseTerm term;
  LeaseKeeper keeper;
};

// Nobody loses it by being slow.
constexpr LeaseTiming kPatient{3600s, 3'000'000ms, 1ms, 1ms};

TEST_CASE("A Lease that is given back is another's, however long it would have lasted") {
  LeaseApi api;
  Told told;
  auto first = std::make_unique<Replica>(api, told, "first", kPatient);
  CHECK(told.wait_for(1).back() == "first holds it");
  CHECK(first->term.is_running());
  CHECK(api.holder() == "first");
  Replica second(api, told, "second", kPatient);
  first->keeper.stop();
  CHECK_FALSE(first->term.is_running());
  CHECK(told.wait_for(2).back() == "second holds it");
  CHECK(second.term.is_running());
  CHECK(api.holder() == "second");
  second.keeper.stop();
  CHECK(api.holder().empty());
}

TEST_CASE("Who could do nothing with the Lease leaves it to another, and may have it again later") {
  LeaseApi api;
  Told told;
  std::atomic<bool> aside = false;
  Replica first(api, told, "first", kPatient, [&aside] { return aside.load(); });
  CHECK(told.wait_for(1).back() == "first holds it");
  Replica second(api, told, "second", kPatient);
  aside = true;
  auto all = told.wait_for(3);
  std::ranges::sort(all);
  CHECK(all == std::vector<std::string>{"first holds it", "first holds it no more", "second holds it"});
  CHECK_FALSE(first.term.is_running());
  CHECK(api.holder() == "second");
  aside = false;
  second.keeper.stop();
  CHECK(told.wait_for(4).back() == "first holds it");
  CHECK(api.holder() == "first");
}

TEST_CASE("A Lease that cannot be renewed is not held when its time is over, and is taken again") {
  LeaseApi api;
  Told told;
  Replica replica(api, told, "one", {1s, 50ms, 1ms, 1ms});
  CHECK(told.wait_for(1).back() == "one holds it");
  api.fails = true;
  // Once each, for as long as it is the same.
  auto all = told.wait_for(3);
  std::ranges::sort(all);
  CHECK(all[0] == "one holds it");
  CHECK(all.back() == "one: writing Lease ns/signet failed: injected");
  while (replica.term.is_running()) std::this_thread::yield();
  api.fails = false;
  while (told.wait_for(3).back() != "one holds it") std::this_thread::yield();
  CHECK(replica.term.is_running());
}

}  // namespace
}  // namespace signet
