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

TEST_CASE("A server's Retry-After makes a wait longer, never shorter, and not longer than three seconds") {
  Backoff backoff(2'000ms, 2'000ms, [] { return 0.0; });
  CHECK(backoff.next(0s) == 1s);
  CHECK(backoff.next(1s) == 1s);
  CHECK(backoff.next(2s) == 2s);
  CHECK(backoff.next(3s) == 3s);
  CHECK(backoff.next(std::chrono::seconds::max()) == 3s);
}

TEST_CASE("A wait that must not be long goes no further, and later ones go on from there") {
  Backoff backoff(1'000ms, 60'000ms, [] { return 0.999; });
  const auto longest = 2'000ms;
  for (const auto expected : {999ms, 1999ms, 1999ms}) CHECK(backoff.next({}, longest) == expected);
  for (const auto expected : {1999ms, 3998ms, 7996ms}) CHECK(backoff.next() == expected);
  CHECK(backoff.next({}, longest) == 1999ms);
}

}  // namespace
}  // namespace signet
