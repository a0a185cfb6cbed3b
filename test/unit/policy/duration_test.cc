#include "policy/duration.h"

#include <catch2/catch.hpp>

namespace signet {
namespace {

using std::chrono::seconds;

TEST_CASE("A duration is read as Go writes it and written in its shortest form") {
  const auto [text, count, shortest] =
      GENERATE(table<std::string, int, std::string>({{"24h", 86400, "24h"},
                                                     {"1h30m", 5400, "1h30m"},
                                                     {"2160h0m0s", 7776000, "2160h"},
                                                     {"90m", 5400, "1h30m"},
                                                     {"59s", 59, "59s"},
                                                     {"0s", 0, "0s"},
                                                     {"596523h", 2147482800, "596523h"}}));
  CAPTURE(text);
  REQUIRE(parse_duration(text));
  CHECK(parse_duration(text) == seconds(count));
  CHECK(to_string(seconds(count)) == shortest);
}

TEST_CASE("What is no whole duration is not read") {
  const std::string text =
      GENERATE("", "h", "24", "-1h", "+1h", "1.5h", "1d", "1h1h", "1m1h", "1h ", " 1h", "1H", "596524h",
               "99999999999999999999h", "2147483648s", "596523h2147483647s", "1ms", "1h-5m", "0x1h");
  CAPTURE(text);
  CHECK_FALSE(parse_duration(text));
}

}  // namespace
}  // namespace signet
