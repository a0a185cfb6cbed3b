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

TEST_CASE("A crowd of one address has every other turn, and the other addresses share those between") {
  TurnQueue queue;
  for (TurnQueue::Id id = 1; id <= 6; ++id) {
    queue.push(kStranger, id);
  }
  queue.push(kApiServer, 10);
  queue.push(kApiServer, 11);
  queue.push(kOther, 20);
  CHECK(drain(queue) == std::vector<TurnQueue::Id>{1, 2, 10, 3, 20, 4, 5, 6, 11});
  CHECK(queue.empty());
}

TEST_CASE("One address that asks for much has its part of the turns among a crowd of many addresses") {
  TurnQueue queue;
  for (TurnQueue::Id id = 1; id <= 5; ++id) {
    queue.push(kApiServer, id);
  }
  for (std::uint8_t i = 0; i < 100; ++i) {
    queue.push({9, i}, TurnQueue::Id{100} + i);
  }
  std::vector<TurnQueue::Id> first = drain(queue);
  first.resize(8);
  CHECK(first == std::vector<TurnQueue::Id>{1, 2, 100, 3, 101, 4, 102, 5});
}

TEST_CASE("Who comes back at once is behind all others of his address, and his address behind all others") {
  TurnQueue queue;
  queue.push(kStranger, 1);
  queue.push(kStranger, 2);
  queue.push(kApiServer, 10);
  REQUIRE(queue.pop() == 1);
  queue.push(kStranger, 1);
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
