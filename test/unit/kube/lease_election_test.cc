#include "signer/kube/lease_election.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <functional>
#include <map>
#include <random>
#include <string>
#include <vector>

namespace signet {
namespace {

using namespace std::chrono_literals;
using Kind = LeaseElection::Step::Kind;
using TimePoint = LeaseElection::Clock::time_point;

constexpr TimePoint kStart{1000s};
constexpr LeaseElection::WallTime kWall{std::chrono::seconds(1'800'000'000)};

LeaseElection us() { return {"signet", "us", LeaseTiming{4s, 3000ms, 1000ms, 500ms}}; }

Lease lease_of(const std::string& holder, const std::string& renewed = "then", const std::string& version = "1") {
  return {.name = "signet",
          .resource_version = version,
          .holder = holder,
          .duration_seconds = 4,
          .acquire_time = "then",
          .renew_time = renewed,
          .transitions = 5};
}

// "look", "write HOLDER" or "wait MILLISECONDS", the wait from `now` on.
std::string told(const LeaseElection& election, TimePoint now) {
  const LeaseElection::Step step = election.next(now, kWall);
  switch (step.kind) {
    case Kind::kLook:
      return "look";
    case Kind::kWrite:
      return "write " + step.lease.holder;
    case Kind::kWait:
      return "wait " + std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(step.until - now).count());
  }
  return {};
}

TEST_CASE("What is done next follows from what was last seen of the Lease, and when") {
  struct Row {
    const char* name;
    std::function<void(LeaseElection&)> before;
    std::chrono::milliseconds now;  // since kStart
    std::string expected;
  };
  const auto seen = [](std::optional<Lease> lease, std::chrono::milliseconds at = 0ms) {
    return [lease, at](LeaseElection& election) { election.seen(lease, kStart + at); };
  };
  const auto written = [](LeaseElection& election) { election.written(lease_of("us"), kStart); };
  const auto both = [](const auto& first, const auto& second) {
    return [first, second](LeaseElection& election) {
      first(election);
      second(election);
    };
  };
  const auto failed = [](std::chrono::milliseconds at) {
    return [at](LeaseElection& election) { election.failed(kStart + at); };
  };
  const auto relabelled = lease_of("them", "then", "2");
  const auto renewed = lease_of("them", "now", "2");
  const Row rows[] = {
      {"nothing is known", [](LeaseElection&) {}, 0ms, "look"},
      {"there is no Lease", seen(std::nullopt), 0ms, "write us"},
      {"it was given back", seen(lease_of("")), 0ms, "write us"},
      {"somebody has it", seen(lease_of("them")), 0ms, "wait 500"},
      {"somebody has it, a look later", seen(lease_of("them")), 500ms, "look"},
      {"it runs out before the next look", both(seen(lease_of("them")), seen(lease_of("them"), 3700ms)), 3700ms,
       "wait 300"},
      {"it has run out", both(seen(lease_of("them")), seen(lease_of("them"), 3700ms)), 4000ms, "write us"},
      {"it was only labelled meanwhile", both(seen(lease_of("them")), seen(relabelled, 3700ms)), 4000ms, "write us"},
      {"it was renewed meanwhile", both(seen(lease_of("them")), seen(renewed, 3700ms)), 4000ms, "wait 200"},
      {"the next one has it", both(seen(lease_of("them")), seen(lease_of("others"), 3700ms)), 4000ms, "wait 200"},
      {"it has run out, but not by a look of late", both(seen(lease_of("them")), failed(3700ms)), 4200ms, "look"},
      {"a look failed", failed(0ms), 0ms, "wait 500"},
      {"a look failed a while ago", failed(0ms), 500ms, "look"},
      {"we have written it", written, 0ms, "wait 1000"},
      {"it must be renewed", written, 1000ms, "write us"},
      {"it must be renewed, long ago", written, 60'000ms, "write us"},
      {"a renewal failed", both(written, failed(1100ms)), 1100ms, "wait 500"},
      {"a renewal failed, and was looked at", both(both(written, failed(1100ms)), seen(lease_of("us"), 1600ms)), 1600ms,
       "write us"},
      {"a renewal failed, for they have it", both(both(written, failed(1100ms)), seen(lease_of("them"), 1600ms)),
       1600ms, "wait 500"},
      {"ours by a write that got no answer", seen(lease_of("us")), 0ms, "write us"},
  };
  for (const Row& row : rows) {
    INFO(row.name);
    LeaseElection election = us();
    row.before(election);
    CHECK(told(election, kStart + row.now) == row.expected);
  }
}

TEST_CASE("Who stands aside looks on, and takes the Lease neither when it is free nor when it is his") {
  struct Row {
    const char* name;
    std::optional<Lease> lease;
  };
  for (const Row& row : {Row{"there is none", std::nullopt}, Row{"given back", lease_of("")},
                         Row{"run out", lease_of("them")}, Row{"his own", lease_of("us")}}) {
    INFO(row.name);
    LeaseElection election = us();
    election.seen(row.lease, kStart);
    CHECK(election.next(kStart, kWall, true).kind == Kind::kWait);
    CHECK(election.next(kStart + 60s, kWall, true).kind == Kind::kLook);
  }
}

TEST_CASE("It is held from an answered write on, for as long as is trusted after it was sent") {
  LeaseElection election = us();
  const auto is_held_at = [&](std::chrono::milliseconds since) { return kStart + since < election.held_until(); };
  CHECK_FALSE(is_held_at(0ms));
  election.seen(lease_of("us"), kStart);
  CHECK_FALSE(is_held_at(0ms));
  election.written(lease_of("us"), kStart);
  CHECK(is_held_at(2999ms));
  CHECK_FALSE(is_held_at(3000ms));
  election.failed(kStart + 1000ms);
  CHECK(is_held_at(2999ms));
  election.seen(lease_of("us"), kStart + 1500ms);
  CHECK_FALSE(is_held_at(3000ms));
  election.written(lease_of("us"), kStart + 1500ms);
  CHECK(is_held_at(4499ms));
  CHECK(election.release(kWall).has_value());
  CHECK_FALSE(is_held_at(1501ms));
}

TEST_CASE("The holder ceases to trust in the Lease before another may have it, with a failed renewal to spare") {
  constexpr LeaseTiming kTiming;
  CHECK(kTiming.trusted + kTiming.look_every < kTiming.duration);
  CHECK(kTiming.renew_every + 1s + 2 * kTiming.look_every <= kTiming.trusted);
}

TEST_CASE("Who writes himself into the Lease says since when, and counts the change of hands") {
  const std::string now = "2027-01-15T08:00:00.000000Z";
  LeaseElection election = us();
  election.seen(std::nullopt, kStart);
  CHECK(election.next(kStart, kWall).lease == Lease{.name = "signet",
                                                    .resource_version = "",
                                                    .holder = "us",
                                                    .duration_seconds = 4,
                                                    .acquire_time = now,
                                                    .renew_time = now,
                                                    .transitions = 0});
  election.seen(lease_of(""), kStart);
  Lease taken = lease_of("us", now);
  taken.acquire_time = now;
  taken.transitions = 6;
  CHECK(election.next(kStart, kWall).lease == taken);

  election.written(lease_of("us"), kStart);
  CHECK(election.next(kStart + 1s, kWall).lease == lease_of("us", now));
  CHECK(election.release(kWall) == lease_of("", now));
}

TEST_CASE("Only what is ours, as far as is known, is given back") {
  LeaseElection election = us();
  CHECK(election.release(kWall) == std::nullopt);
  election.seen(lease_of("them"), kStart);
  CHECK(election.release(kWall) == std::nullopt);
  election.written(lease_of("us"), kStart);
  election.failed(kStart);
  CHECK(election.release(kWall) == std::nullopt);
}

// Some replicas, one Lease, and a network that delays, loses and repeats nothing but answers. Time goes in steps.
class World {
 public:
  explicit World(unsigned seed) : random_(seed), slowest_(seed % 3 * 250) {
    for (const char* name : {"a", "b", "c"}) {
      // Steady clocks begin anywhere.
      replicas_.push_back({LeaseElection("signet", name), TimePoint(std::chrono::seconds(up_to(100'000))), {}, {}});
    }
  }

  static constexpr auto kTick = 50ms;

  // One step in which, unless it is calm, calls are slow or lost and replicas are stopped.
  void step(bool calm) {
    time_ += kTick;
    for (auto event = events_.begin(); event != events_.end() && event->first <= time_;) {
      const auto happens = std::move(event->second);
      event = events_.erase(event);
      happens();
    }
    for (Replica& replica : replicas_) {
      if (!calm && up_to(400) == 0) replica.stopped_until = time_ + std::chrono::milliseconds(up_to(10'000));
      if (replica.stopped_until > time_ || replica.answer_at > time_) continue;
      const auto step = replica.election.next(replica.now(time_), kWall + time_);
      if (step.kind != Kind::kWait) call(replica, step, calm);
    }
  }

  [[nodiscard]] std::ptrdiff_t holders() const {
    return std::ranges::count_if(
        replicas_, [&](const Replica& replica) { return replica.now(time_) < replica.election.held_until(); });
  }

 private:
  using Time = std::chrono::milliseconds;
  struct Replica {
    LeaseElection election;
    TimePoint clock;
    Time stopped_until;
    Time answer_at;  // until then its one call is under way
    [[nodiscard]] TimePoint now(Time time) const { return clock + time; }
  };

  unsigned up_to(unsigned most) { return std::uniform_int_distribution<unsigned>(0, most)(random_); }

  void call(Replica& replica, const LeaseElection::Step& step, bool calm) {
    constexpr Time kPatience = 1000ms;
    const Time sent = time_;
    const Time arrives = time_ + Time(calm ? up_to(50) : up_to(100) == 0 ? up_to(8000) : up_to(slowest_));
    const Time answered = arrives + Time(calm ? up_to(50) : up_to(slowest_));
    const bool is_lost = answered > time_ + kPatience || (!calm && up_to(20) == 0);
    replica.answer_at = is_lost ? time_ + kPatience : answered;
    events_.emplace(arrives, [this, &replica, step, sent, is_lost] {
      std::optional<Lease> answer = lease_;
      bool refused = false;
      if (step.kind == Kind::kWrite) {
        refused = step.lease.resource_version != (lease_ ? lease_->resource_version : "");
        if (!refused) {
          lease_ = step.lease;
          lease_->resource_version = std::to_string(++version_);
          answer = lease_;
        }
      }
      if (!is_lost) tell(replica, step, sent, answer, refused);
    });
    if (is_lost) {
      events_.emplace(replica.answer_at, [this, &replica] { replica.election.failed(replica.now(time_)); });
    }
  }

  void tell(Replica& replica, const LeaseElection::Step& step, Time sent, const std::optional<Lease>& answer,
            bool refused) {
    // Who is stopped hears of it when he goes on.
    events_.emplace(std::max(replica.answer_at, replica.stopped_until), [this, &replica, step, sent, answer, refused] {
      if (refused) {
        replica.election.failed(replica.now(time_));
      } else if (step.kind == Kind::kLook) {
        replica.election.seen(answer, replica.now(time_));
      } else {
        replica.election.written(*answer, replica.now(sent));
      }
    });
    replica.answer_at = std::max(replica.answer_at, replica.stopped_until);
  }

  std::mt19937 random_;
  const unsigned slowest_;  // of most calls, in milliseconds, there and back again each
  Time time_{};
  std::vector<Replica> replicas_;
  std::multimap<Time, std::function<void()>> events_;
  std::optional<Lease> lease_;
  int version_ = 0;
};

TEST_CASE("However calls are delayed and lost and replicas stopped, never two hold the Lease") {
  const auto seed = GENERATE(range(0U, 200U));
  INFO("seed " << seed);
  World world(seed);
  int held = 0;
  for (int i = 0; i < 2000; ++i) {
    world.step(false);
    const auto holders = world.holders();
    if (holders > 1) FAIL("two holders after step " << i);
    held += static_cast<int>(holders);
  }
  CHECK(held > 0);
  // What was sent before may come in this late, and then the Lease runs out once more at most.
  for (std::chrono::milliseconds time{0}; time < 25s; time += World::kTick) world.step(true);
  CHECK(world.holders() == 1);
}

}  // namespace
}  // namespace signet
