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

TEST_CASE("What others write is read as Go reads it, rounded up to whole seconds") {
  const auto [text, count] = GENERATE(table<std::string, std::int64_t>({{"2160h0m0s", 7776000},
                                                                        {"1h30m", 5400},
                                                                        {"1.5h", 5400},
                                                                        {".5h", 1800},
                                                                        {"1.h", 3600},
                                                                        {"+1h", 3600},
                                                                        {"30m1h1h", 9000},
                                                                        {"0", 0},
                                                                        {"0.0s", 0},
                                                                        {"90m30.5s", 5431},
                                                                        {"24h1ns", 86401},
                                                                        {"1us", 1},
                                                                        {"1\xc2\xb5s", 1},
                                                                        {"1\xce\xbcs", 1},
                                                                        {"2000ms", 2},
                                                                        {"0.00000000000000000001h", 0},
                                                                        {"2562047h", 9223369200}}));
  CAPTURE(text);
  CHECK(parse_go_duration(text) == seconds(count));
}

TEST_CASE("What Go reads as no duration, or as a negative one, is not read") {
  const std::string text = GENERATE("", "+", "h", "24", ".", ".h", "1.5", "1..5h", "-1h", "1h-5m", "1h+5m", "--1h",
                                    "1d", "1H", "1 h", "1h ", " 1h", "1,5h", "0x1h", "1e3s", "1\xc2s", "00", "2562048h",
                                    "2562047h1h", "2562047.99h", "99999999999999999999h");
  CAPTURE(text);
  CHECK_FALSE(parse_go_duration(text));
}

}  // namespace
}  // namespace signet
