#include "signer/issue/issuance_meter.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <random>
#include <thread>
#include <vector>

using namespace signet;
using namespace std::chrono_literals;
using Nanoseconds = std::chrono::nanoseconds;
using TimePoint = IssuanceMeter::Clock::time_point;

namespace {

constexpr TimePoint kStart{Nanoseconds(1'000'000'000'000)};
constexpr Nanoseconds kMinute = 1min;

/// How many tokens are there at once.
int taken(IssuanceMeter& meter, const IssuanceQuota& quota, TimePoint now, const std::string& tenant = "foo") {
  int count = 0;
  while (!meter.take(tenant, quota, now)) ++count;
  return count;
}

}  // namespace

TEST_CASE("a tenant has its burst, and then its rate to the nanosecond") {
  struct Row {
    const char* name;
    IssuanceQuota quota;
    Nanoseconds wait;
  };
  const Row row = GENERATE(values<Row>({
      {"one a minute", {.per_minute = 1, .burst = 1}, 60s},
      {"one a minute after many", {.per_minute = 1, .burst = 1000}, 60s},
      {"one a second", {.per_minute = 60, .burst = 5}, 1s},
      {"a rate that no whole number of nanoseconds makes", {.per_minute = 7, .burst = 3}, Nanoseconds(8'571'428'572)},
      {"the most there may be",
       {.per_minute = IssuanceQuota::kMaxPerMinute, .burst = IssuanceQuota::kMaxBurst},
       Nanoseconds(60'000)},
  }));
  INFO(row.name);
  IssuanceMeter meter;
  CHECK(taken(meter, row.quota, kStart) == row.quota.burst);
  CHECK(meter.take("foo", row.quota, kStart) == row.wait);
  CHECK(meter.take("foo", row.quota, kStart + row.wait - 1ns) == 1ns);
  CHECK(meter.take("foo", row.quota, kStart + row.wait) == std::nullopt);
  CHECK(meter.take("foo", row.quota, kStart + row.wait).has_value());
}

TEST_CASE("what there is of a token is not lost, however often it is asked for") {
  // No whole number of nanoseconds makes a seventh of a minute.
  constexpr IssuanceQuota kQuota{.per_minute = 7, .burst = 2};
  IssuanceMeter meter;
  int tokens = 0;
  TimePoint now = kStart;
  for (; now < kStart + 1'000 * kMinute; now += Nanoseconds(1'000'000'007)) tokens += taken(meter, kQuota, now);
  now = kStart + 1'000 * kMinute;
  tokens += taken(meter, kQuota, now);
  CHECK(tokens == 2 + 7 * 1'000);
  CHECK(meter.take("foo", kQuota, now) == Nanoseconds(8'571'428'572));
}

TEST_CASE("tenants have a bucket each") {
  constexpr IssuanceQuota kQuota{.per_minute = 60, .burst = 3};
  IssuanceMeter meter;
  CHECK(taken(meter, kQuota, kStart, "foo") == 3);
  CHECK(taken(meter, kQuota, kStart, "bar") == 3);
  CHECK(taken(meter, kQuota, kStart + 2s, "foo") == 2);
  CHECK(taken(meter, kQuota, kStart + 3s, "bar") == 3);
}

TEST_CASE("a quota that changes counts at once and gives no more than its own burst") {
  struct Row {
    const char* name;
    IssuanceQuota before;
    IssuanceQuota after;
    int take_before;
    Nanoseconds later;
    int have_after;
    Nanoseconds then_wait;
  };
  const Row row = GENERATE(values<Row>({
      {"a larger burst, nothing taken", {60, 5}, {60, 100}, 0, 0s, 100, 1s},
      {"a larger burst, all taken", {60, 5}, {60, 100}, 5, 0s, 95, 1s},
      {"a smaller burst, nothing taken", {60, 100}, {60, 5}, 0, 0s, 5, 1s},
      {"a smaller burst, some taken", {60, 100}, {60, 5}, 2, 0s, 3, 1s},
      {"a smaller burst, all taken: the wait is for one token", {60, 100}, {60, 5}, 100, 0s, 0, 1s},
      {"a smaller burst, a long time after", {60, 100}, {60, 5}, 100, 1h, 5, 1s},
      {"a higher rate", {1, 1}, {6'000, 1}, 1, 0s, 0, 10ms},
      {"a lower rate", {6'000, 1}, {1, 1}, 1, 0s, 0, 60s},
      {"a lower rate, halfway", {60, 1}, {1, 1}, 1, 500ms, 0, 59'500ms},
      {"from the least to the most",
       {1, 1},
       {IssuanceQuota::kMaxPerMinute, IssuanceQuota::kMaxBurst},
       1,
       0s,
       IssuanceQuota::kMaxBurst - 1,
       Nanoseconds(60'000)},
      {"from the most to the least",
       {IssuanceQuota::kMaxPerMinute, IssuanceQuota::kMaxBurst},
       {1, 1},
       IssuanceQuota::kMaxBurst,
       0s,
       0,
       60s},
  }));
  INFO(row.name);
  IssuanceMeter meter;
  for (int i = 0; i < row.take_before; ++i) REQUIRE(meter.take("foo", row.before, kStart) == std::nullopt);
  CHECK(taken(meter, row.after, kStart + row.later) == row.have_after);
  CHECK(meter.take("foo", row.after, kStart + row.later) == row.then_wait);
}

TEST_CASE("no two times are too far apart, and time does not go back") {
  constexpr IssuanceQuota kMost{.per_minute = IssuanceQuota::kMaxPerMinute, .burst = IssuanceQuota::kMaxBurst};
  constexpr IssuanceQuota kLeast{.per_minute = 1, .burst = 2};
  const IssuanceQuota quota = GENERATE_COPY(kMost, kLeast);
  IssuanceMeter meter;
  CHECK(taken(meter, quota, TimePoint::min()) == quota.burst);
  CHECK(taken(meter, quota, TimePoint::min()) == 0);
  CHECK(taken(meter, quota, TimePoint::max()) == quota.burst);
  CHECK(taken(meter, quota, TimePoint::min()) == 0);
  CHECK(taken(meter, quota, kStart, "met later with an earlier time") == quota.burst);
  CHECK(taken(meter, quota, TimePoint::max()) == 0);
}

TEST_CASE(
    "in any stretch of time there are no more tokens than the burst and the rate make, and no fewer for the greedy") {
  std::mt19937_64 random(20'260'901);
  const auto one_of = [&](std::int64_t from, std::int64_t to) {
    return std::uniform_int_distribution<std::int64_t>(from, to)(random);
  };
  for (int round = 0; round < 200; ++round) {
    const IssuanceQuota quota{.per_minute = one_of(1, round % 2 == 0 ? 100 : 100'000), .burst = one_of(1, 20)};
    INFO("per minute " << quota.per_minute << ", burst " << quota.burst);
    IssuanceMeter meter;
    std::vector<TimePoint> tokens;
    TimePoint now = kStart;
    for (int i = 0; i < 300; ++i) {
      const auto wait = meter.take("foo", quota, now);
      if (!wait) {
        tokens.push_back(now);
        if (one_of(0, 9) == 0) now += Nanoseconds(one_of(0, 10 * kMinute.count() / quota.per_minute));
        continue;
      }
      REQUIRE(*wait > 0ns);
      REQUIRE(*wait <= kMinute);
      if (one_of(0, 1) == 0) {
        now += Nanoseconds(one_of(0, wait->count()));
      } else {
        now += *wait;
        REQUIRE(meter.take("foo", quota, now) == std::nullopt);
        tokens.push_back(now);
      }
    }
    bool within = true;
    for (std::size_t first = 0; first < tokens.size(); ++first) {
      for (std::size_t last = first; last < tokens.size(); ++last) {
        const auto beyond_burst = static_cast<std::int64_t>(last - first + 1) - quota.burst;
        within = within && beyond_burst * kMinute.count() <= quota.per_minute * (tokens[last] - tokens[first]).count();
      }
    }
    CHECK(within);
  }
}

TEST_CASE("tenants whose bucket is full again are forgotten, and nobody has more tokens for it") {
  constexpr IssuanceQuota kQuota{.per_minute = 60, .burst = 2};
  IssuanceMeter meter;
  TimePoint now = kStart;
  for (int i = 0; i < 10'000; ++i) {
    REQUIRE(taken(meter, kQuota, now, "tenant " + std::to_string(i)) == 2);
    REQUIRE(meter.size() <= 64);
    now += 1s;
  }
  // Of these no bucket is full, so each must be remembered.
  for (int i = 0; i < 1'000; ++i) REQUIRE(taken(meter, kQuota, now, "busy " + std::to_string(i)) == 2);
  for (int i = 0; i < 1'000; ++i) REQUIRE(taken(meter, kQuota, now, "busy " + std::to_string(i)) == 0);
  CHECK(meter.size() >= 1'000);
  now += 2s;
  for (int i = 0; i < 2'000; ++i) REQUIRE(taken(meter, kQuota, now + i * 1s, "later " + std::to_string(i)) == 2);
  CHECK(meter.size() <= 64);
}

TEST_CASE("many threads share one bucket and take what it has, each once") {
  constexpr IssuanceQuota kQuota{.per_minute = 1, .burst = 1'000};
  IssuanceMeter meter;
  std::atomic<int> tokens = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 500; ++i) tokens += meter.take("foo", kQuota, kStart) ? 0 : 1;
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(tokens == 1'000);
}
