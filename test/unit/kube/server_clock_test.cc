#include "signer/kube/server_clock.h"

#include <catch2/catch.hpp>

namespace signet {
namespace {

using namespace std::chrono_literals;

constexpr std::chrono::sys_seconds kNoon = std::chrono::sys_days(2026y / 11 / 25) + 12h;

TEST_CASE("A Date is read as HTTP servers write it, and nothing else is") {
  CHECK(parse_http_date("Wed, 25 Nov 2026 12:00:00 GMT") == kNoon);
  for (const char* text :
       {"", "Wed, 25 Nov 2026 12:00:00 GMT.", "Wed, 25 Nov 2026 12:00:00 CET", "2026-11-25T12:00:00Z",
        "Wed, 25 Nov 2026 25:00:00 GMT", "Wednesday, 25-Nov-26 12:00:00 GMT"}) {
    INFO(text);
    CHECK(parse_http_date(text) == std::nullopt);
  }
}

TEST_CASE("The server's clock goes on by the one that nobody sets, from what was heard last") {
  const ServerClock::Clock::time_point tick{1000s};
  ServerClock clock;
  CHECK(clock.lead_of(kNoon, tick) == std::nullopt);
  clock.heard("nonsense", tick);
  CHECK(clock.lead_of(kNoon, tick) == std::nullopt);

  clock.heard("Wed, 25 Nov 2026 12:00:00 GMT", tick);
  struct Row {
    const char* name;
    std::chrono::seconds wall;
    std::chrono::milliseconds later;
    std::chrono::seconds lead;
  };
  const Row rows[] = {
      {"the same", 0s, 0ms, 0s},
      {"both have gone on", 60s, 60'500ms, 0s},
      {"ours was set forth", 3660s, 60s, 3600s},
      {"ours was set back", -3540s, 60s, -3600s},
      {"asked of a moment before", -2s, -2s, 0s},
  };
  for (const Row& row : rows) {
    INFO(row.name);
    CHECK(clock.lead_of(kNoon + row.wall, tick + row.later) == row.lead);
  }
  clock.heard("Wed, 25 Nov 2026 13:00:00 GMT", tick + 60s);
  CHECK(clock.lead_of(kNoon + 3660s, tick + 120s) == 0s);
}

}  // namespace
}  // namespace signet
