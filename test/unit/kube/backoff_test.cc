#include "signer/kube/backoff.h"

#include <catch2/catch.hpp>

namespace signet {
namespace {

using namespace std::chrono_literals;

TEST_CASE("Waits double up to the longest, and a random half of each is left out") {
  double random = 0;
  Backoff backoff(100ms, 1000ms, [&random] { return random; });
  for (const auto expected : {50ms, 100ms, 200ms, 400ms, 500ms, 500ms}) CHECK(backoff.next() == expected);
  random = 0.5;
  CHECK(backoff.next() == 750ms);
  random = 0.999;
  CHECK(backoff.next() == 999ms);
  backoff.reset();
  CHECK(backoff.next() == 99ms);
}

TEST_CASE("A server's Retry-After makes a wait longer, never shorter, and not longer than five minutes") {
  Backoff backoff(10'000ms, 10'000ms, [] { return 0.0; });
  CHECK(backoff.next(0s) == 5s);
  CHECK(backoff.next(5s) == 5s);
  CHECK(backoff.next(7s) == 7s);
  CHECK(backoff.next(300s) == 300s);
  CHECK(backoff.next(std::chrono::seconds::max()) == 300s);
}

}  // namespace
}  // namespace signet
