#include "policy/quoting.h"

#include <catch2/catch.hpp>

#include "policy/shown_text.h"

namespace signet {
namespace {

TEST_CASE("What is quoted for people is what a terminal shows of it") {
  const auto [name, text, expected] = GENERATE(table<std::string, std::string, std::string>({
      {"letters of any script", "Größe €😀", "\"Größe €😀\""},
      {"nothing", "", "\"\""},
      {"quotes", "a\"b", "\"a?b\""},
      {"controls", "\033[1m\n\t\x7f\xc2\x85", "\"?[1m????\""},
      {"changes of direction", "a\xe2\x80\xae\xe2\x81\xa6z", "\"a??z\""},
      {"what has no width", "a\xe2\x80\x8b\xe2\x80\x8d\xEF\xBB\xBFz", "\"a???z\""},
      {"line separators", "a\xe2\x80\xa8z", "\"a?z\""},
      {"no UTF-8", "a\xff\xe2\x80z\xc3", "\"a???z?\""},
      {"200 bytes", std::string(200, 'a'), "\"" + std::string(200, 'a') + "\""},
      {"more", std::string(201, 'a'), "\"" + std::string(200, 'a') + "…\""},
      {"more, with a character across the bound", std::string(199, 'a') + "ü", "\"" + std::string(199, 'a') + "…\""},
  }));
  CAPTURE(name);
  CHECK(in_quotes(text) == expected);
}

TEST_CASE("Text is cut between characters") {
  CHECK(shown("éé", 4) == "éé");
  CHECK(shown("éé", 3) == "é…");
  CHECK(shown("éé", 1) == "…");
}

}  // namespace
}  // namespace signet
