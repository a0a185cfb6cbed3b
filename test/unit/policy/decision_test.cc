#include "policy/decision.h"

#include <algorithm>
#include <catch2/catch.hpp>

using namespace signet;

TEST_CASE("A message tells the first findings and how many more there are") {
  const std::vector<Finding> few(3, {Reason::kKeyNotAllowed, "wrong"});
  CHECK(to_message(few) == "signet: KeyNotAllowed: wrong\nsignet: KeyNotAllowed: wrong\nsignet: KeyNotAllowed: wrong");
  const std::vector<Finding> most(kMaxToldFindings, few.front());
  CHECK(std::ranges::count(to_message(most), '\n') + 1 == static_cast<std::ptrdiff_t>(kMaxToldFindings));
  const std::vector<Finding> many(50'000, few.front());
  CHECK_THAT(to_message(many), Catch::EndsWith("wrong\nsignet: and 49950 more findings like these"));
  CHECK(to_message(many).size() < 4096);
}
