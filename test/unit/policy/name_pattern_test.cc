#include "policy/name_pattern.h"

#include <catch2/catch.hpp>

namespace signet {
namespace {

NamePattern pattern(const std::string& written) {
  const auto parsed = NamePattern::parse(written);
  CAPTURE(written);
  REQUIRE(parsed);
  return *parsed;
}

TEST_CASE("A pattern is a namespace's name, or what it begins or ends with and one star") {
  const auto [written, text] = GENERATE(table<std::string, std::string>({
      {"foo", "foo"},
      {"foo-*", "foo-"},
      {"foo*", "foo"},
      {"f*", "f"},
      {"*-foo", "-foo"},
      {"*foo", "foo"},
      {std::string(63, 'a'), std::string(63, 'a')},
      {std::string(62, 'a') + "*", std::string(62, 'a')},
      {"*" + std::string(62, 'a'), std::string(62, 'a')},
  }));
  CHECK(pattern(written).text() == text);
  CHECK(pattern(written).written() == written);
}

TEST_CASE("What no namespace's name can be is no pattern") {
  const std::string written =
      GENERATE("", "*", "**", "*foo*", "fo*o", "-foo*", "*foo-", "*-", "-*", "Foo*", "foo.*", "*.foo", "foo_*", " foo*",
               std::string(64, 'a'), std::string(63, 'a') + "*", "*" + std::string(63, 'a'));
  CAPTURE(written);
  CHECK_FALSE(NamePattern::parse(written).has_value());
}

TEST_CASE("A pattern matches names by their beginning or end, and as a whole without a star") {
  const auto [written, name, matches] = GENERATE(table<std::string, std::string, bool>({
      {"foo", "foo", true},
      {"foo", "foo-a", false},
      {"foo", "fo", false},
      {"foo-*", "foo-a", true},
      {"foo-*", "foo-", true},  // no namespace is called so
      {"foo-*", "foo", false},
      {"foo-*", "a-foo-b", false},
      {"foo*", "foo", true},
      {"*-foo", "a-foo", true},
      {"*-foo", "foo", false},
      {"*-foo", "a-foo-b", false},
      {"*foo", "foo", true},
  }));
  CAPTURE(written, name);
  CHECK(pattern(written).matches(name) == matches);
}

TEST_CASE("A pattern covers what it matches all of, and overlaps what it matches some of") {
  struct Case {
    std::string one, other;
    bool covers, covered, overlaps;
  };
  const std::string long_prefix = std::string(20, 'a') + std::string(20, 'b');
  const std::string long_suffix = std::string(20, 'b') + std::string(20, 'c');
  const std::vector<Case> cases = {
      {"foo", "foo", true, true, true},
      {"foo", "bar", false, false, false},
      {"foo-*", "foo-a", true, false, true},
      {"foo-*", "foo", false, false, false},
      {"*-foo", "a-foo", true, false, true},
      {"foo*", "foo-*", true, false, true},
      {"foo-*", "foo-*", true, true, true},
      {"foo-*", "bar-*", false, false, false},
      {"*foo", "*-foo", true, false, true},
      {"*-foo", "*-bar", false, false, false},
      {"foo-*", "*-foo", false, false, true},
      {"foo-a*", "*a-bar", false, false, true},
      {std::string(40, 'a') + "*", "*" + std::string(23, 'b'), false, false, true},
      {std::string(40, 'a') + "*", "*" + std::string(24, 'b'), false, false, false},
      {long_prefix + "*", "*" + long_suffix, false, false, true},  // 20 a, 20 b, 20 c
  };
  for (const Case& c : cases) {
    CAPTURE(c.one, c.other);
    CHECK(pattern(c.one).covers(pattern(c.other)) == c.covers);
    CHECK(pattern(c.other).covers(pattern(c.one)) == c.covered);
    CHECK(pattern(c.one).overlaps(pattern(c.other)) == c.overlaps);
    CHECK(pattern(c.other).overlaps(pattern(c.one)) == c.overlaps);
  }
}

}  // namespace
}  // namespace signet
