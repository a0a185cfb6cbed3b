#include "policy/kubernetes_names.h"

#include <catch2/catch.hpp>
#include <string>

#include "policy/ip_address.h"

namespace signet {
namespace {

TEST_CASE("The key of a label is a name, behind a subdomain or not") {
  const auto [key, valid] = GENERATE(table<std::string, bool>({
      {"team", true},
      {"Team_1.x-y", true},
      {"kubernetes.io/metadata.name", true},
      {"a/b", true},
      {std::string(63, 'a'), true},
      {std::string(64, 'a'), false},
      {std::string(253, 'a') + "/b", true},
      {std::string(254, 'a') + "/b", false},
      {"", false},
      {"/a", false},
      {"a/", false},
      {"a/b/c", false},
      {"A/b", false},
      {"a_b/c", false},
      {"-a", false},
      {"a-", false},
      {".a", false},
      {"a b", false},
      {"ä", false},
  }));
  CAPTURE(key);
  CHECK(is_label_key(key) == valid);
}

TEST_CASE("The value of a label is empty or a name") {
  const auto [value, valid] = GENERATE(table<std::string, bool>({
      {"", true},
      {"a", true},
      {"V1.2_x-y", true},
      {std::string(63, 'a'), true},
      {std::string(64, 'a'), false},
      {"a/b", false},
      {"-", false},
      {"a_", false},
      {"a b", false},
  }));
  CAPTURE(value);
  CHECK(is_label_value(value) == valid);
}

TEST_CASE("An IP address has one way to be written") {
  const auto [written, canonical] = GENERATE(table<std::string, std::optional<std::string>>({
      {"10.0.0.1", "10.0.0.1"},
      {"::1", "::1"},
      {"2001:DB8:0:0:0:0:0:1", "2001:db8::1"},
      {"2001:db8::0:1", "2001:db8::1"},
      {"::ffff:10.0.0.1", "::ffff:10.0.0.1"},
      {"10.0.0.01", std::nullopt},
      {"10.0.0", std::nullopt},
      {"10.0.0.256", std::nullopt},
      {"0x0a.0.0.1", std::nullopt},
      {"10.0.0.1/8", std::nullopt},
      {"fe80::1%eth0", std::nullopt},
      {" 10.0.0.1", std::nullopt},
      {std::string("10.0.0.1\0x", 10), std::nullopt},
      {"", std::nullopt},
      {"localhost", std::nullopt},
  }));
  CAPTURE(written);
  CHECK(canonical_ip_address(written) == canonical);
}

}  // namespace
}  // namespace signet
