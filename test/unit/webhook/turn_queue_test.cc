#include "webhook/turn_queue.h"

#include <catch2/catch.hpp>
#include <vector>

namespace signet {
namespace {

constexpr ClientAddress kApiServer{1};
constexpr ClientAddress kStranger{2};
constexpr ClientAddress kOther{3};

std::vector<TurnQueue::Id> drain(TurnQueue& queue) {
  std::vector<TurnQueue::Id> order;
  while (const auto id = queue.pop()) {
    order.push_back(*id);
  }
  return order;
}

TEST_CASE("Every address has its turn before any has a second one") {
  TurnQueue queue;
  for (TurnQueue::Id id = 1; id <= 4; ++id) {
    queue.push(kStranger, id);
  }
  queue.push(kApiServer, 10);
  queue.push(kApiServer, 11);
  queue.push(kOther, 20);
  CHECK(drain(queue) == std::vector<TurnQueue::Id>{1, 10, 20, 2, 11, 3, 4});
  CHECK(queue.empty());
}

TEST_CASE("Who comes back at once is behind the others of his address, and his address behind the others") {
  TurnQueue queue;
  queue.push(kStranger, 1);
  queue.push(kStranger, 2);
  REQUIRE(queue.pop() == 1);
  queue.push(kStranger, 1);
  queue.push(kApiServer, 10);
  CHECK(drain(queue) == std::vector<TurnQueue::Id>{2, 10, 1});
}

TEST_CASE("Who was taken out has no turn") {
  TurnQueue queue;
  queue.push(kStranger, 1);
  queue.push(kStranger, 2);
  queue.push(kApiServer, 10);
  queue.remove(kStranger, 1);
  queue.remove(kApiServer, 10);
  queue.remove(kOther, 20);
  CHECK(drain(queue) == std::vector<TurnQueue::Id>{2});
  CHECK(queue.empty());
}

}  // namespace
}  // namespace signet
