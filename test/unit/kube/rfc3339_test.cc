#include "signer/kube/rfc3339.h"

#include <catch2/catch.hpp>

namespace signet {
namespace {

TEST_CASE("a time is RFC 3339 in UTC to the microsecond or to the second") {
  using std::chrono::microseconds;
  const std::chrono::system_clock::time_point epoch{};
  CHECK(to_rfc3339(epoch) == "1970-01-01T00:00:00.000000Z");
  CHECK(to_rfc3339(epoch + microseconds(1'709'210'096'000'007)) == "2024-02-29T12:34:56.000007Z");
  CHECK(to_rfc3339(epoch - microseconds(1)) == "1969-12-31T23:59:59.999999Z");
  CHECK(to_rfc3339(std::chrono::sys_seconds(std::chrono::seconds(1'709'210'096))) == "2024-02-29T12:34:56Z");
}

}  // namespace
}  // namespace signet
