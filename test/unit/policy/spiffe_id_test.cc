#include "policy/spiffe_id.h"

#include <catch2/catch.hpp>

namespace signet {
namespace {

TEST_CASE("A workload's SPIFFE ID gives its trust domain, namespace and service account") {
  const auto id = SpiffeId::parse("spiffe://td_1.example-2/ns/foo-1/sa/app.v2");
  REQUIRE(id);
  CHECK(id->uri() == "spiffe://td_1.example-2/ns/foo-1/sa/app.v2");
  CHECK(id->trust_domain() == "td_1.example-2");
  CHECK(id->ns() == "foo-1");
  CHECK(id->service_account() == "app.v2");
}

TEST_CASE("A SPIFFE ID keeps its parts when it is copied and moved") {
  auto id = SpiffeId::parse("spiffe://a/ns/b/sa/c");
  REQUIRE(id);
  const SpiffeId copy = *id;
  const SpiffeId moved = *std::move(id);
  CHECK(copy.ns() == "b");
  CHECK(moved.service_account() == "c");
}

TEST_CASE("What is no SPIFFE ID of a workload is refused") {
  const std::string longest_ns(63, 'n');
  const std::string longest_td(255, 't');
  CHECK(SpiffeId::parse("spiffe://" + longest_td + "/ns/" + longest_ns + "/sa/x"));
  const std::string uri = GENERATE_COPY(
      std::string(), "spiffe:", "spiffe://", "spiffe:///ns/a/sa/b", "SPIFFE://cluster.local/ns/a/sa/b",
      "spiffe://Cluster.local/ns/a/sa/b", "https://cluster.local/ns/a/sa/b", "spiffe://cluster.local",
      "spiffe://cluster.local/", "spiffe://cluster.local/ns/a", "spiffe://cluster.local/ns/a/sa",
      "spiffe://cluster.local/ns/a/sa/", "spiffe://cluster.local/ns//sa/b", "spiffe://cluster.local/ns/a/sa/b/",
      "spiffe://cluster.local/ns/a/sa/b/c", "spiffe://cluster.local//ns/a/sa/b", "spiffe://cluster.local/sa/b/ns/a",
      "spiffe://cluster.local/ns/a/sa/b?x", "spiffe://cluster.local/ns/a/sa/b#x", "spiffe://cluster.local:80/ns/a/sa/b",
      "spiffe://user@cluster.local/ns/a/sa/b", "spiffe://cluster.local/ns/%61/sa/b",
      "spiffe://cluster.local/ns/../sa/b", "spiffe://cluster.local/ns/a/sa/..", "spiffe://cluster.local/ns/A/sa/b",
      "spiffe://cluster.local/ns/a.b/sa/c", "spiffe://cluster.local/ns/-a/sa/b", "spiffe://cluster.local/ns/a-/sa/b",
      "spiffe://cluster.local/ns/a/sa/b_c", " spiffe://cluster.local/ns/a/sa/b", "spiffe://cluster.local/ns/a/sa/b ",
      std::string("spiffe://a/ns/b/sa/c\0", 21), "spiffe://" + longest_td + "t/ns/a/sa/b",
      "spiffe://cluster.local/ns/" + longest_ns + "n/sa/b", "spiffe://cluster.local/ns/a/sa/" + std::string(254, 'a'),
      "spiffe://a/ns/b/sa/" + std::string(3000, 'c'));
  CAPTURE(uri);
  const auto id = SpiffeId::parse(uri);
  REQUIRE_FALSE(id);
  CHECK_FALSE(id.error().empty());
}

}  // namespace
}  // namespace signet
