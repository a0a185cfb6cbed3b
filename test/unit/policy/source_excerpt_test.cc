#include "policy/source_excerpt.h"

#include <catch2/catch.hpp>

namespace signet {
namespace {

// The line, and under it a caret.
std::string shown(std::string_view text, YamlMark mark) {
  const SourceExcerpt excerpt = SourceLines(text).excerpt(mark);
  return excerpt.line + "\n" + std::string(excerpt.caret, ' ') + "^" + std::to_string(excerpt.character);
}

TEST_CASE("A caret stands under the character that is meant") {
  const auto [name, text, line, column, expected] = GENERATE(table<std::string, std::string, int, int, std::string>({
      {"the first", "a: b", 1, 1, "a: b\n^1"},
      {"of a later line", "a: b\nc: d\n", 2, 4, "c: d\n   ^4"},
      {"of a line that ends with CR LF", "a: b\r\nc: d\r\n", 2, 4, "c: d\n   ^4"},
      {"behind the end of a line", "a: b\nc: d", 1, 5, "a: b\n    ^5"},
      {"far behind it", "a: b\nc: d", 1, 500, "a: b\n    ^5"},
      {"in a line behind the last", "a: b\n", 2, 1, "\n^1"},
      {"in a line that there is not", "a: b\n", 7, 3, "\n^1"},
      {"after two bytes and three and four", "é€😀x", 1, 10, "é€😀x\n   ^4"},
      {"after tabs", "\ta:\tb", 1, 5, " a: b\n    ^5"},
      {"after a byte order mark",
       "\xEF\xBB\xBF"
       "a: b",
       1, 4, "a: b\n   ^4"},
      {"after bytes that are no text", "\xff\xc3[b", 1, 4, "??[b\n   ^4"},
      {"after what a terminal obeys", "\033[1m\x7f\xc2\x9b\xe2\x80\xae\xe2\x81\xa6\xe2\x80\x8b\xEF\xBB\xBFx", 1, 20,
       "?[1m??????x\n          ^11"},
      {"after what only looks like it", "\xc2\xa0\xe2\x80\x93\xe2\x82\xacx", 1, 9, "\xc2\xa0–€x\n   ^4"},
  }));
  CAPTURE(name);
  CHECK(shown(text, {line, column}) == expected);
}

TEST_CASE("A long line is cut around the place") {
  const std::string a60(60, 'a');
  const std::string b60(60, 'b');
  const std::string caret_61 = "\n" + std::string(61, ' ') + "^";
  const auto [name, text, column, expected] = GENERATE_COPY(table<std::string, std::string, int, std::string>({
      {"that just fits", a60 + b60.substr(20), 100, a60 + b60.substr(20) + "\n" + std::string(99, ' ') + "^100"},
      {"at its end", a60 + b60, 10, a60 + b60.substr(20) + "…\n" + std::string(9, ' ') + "^10"},
      {"at both", "ccc" + a60 + b60, 64, "…" + a60 + b60.substr(20) + "…" + caret_61 + "64"},
      {"at its begin", "ccc" + a60 + b60.substr(20), 64, "…" + a60 + b60.substr(20) + caret_61 + "64"},
      {"near its end", "ccc" + a60 + b60, 123,
       "…" + std::string(1, 'a') + b60.substr(1) + b60.substr(59) + caret_61 + "123"},
  }));
  CAPTURE(name);
  CHECK(shown(text, {1, column}) == expected);
}

TEST_CASE("A line of many-byte characters is cut between them") {
  std::string text;
  for (int i = 0; i < 300; ++i) {
    text += "é";
  }
  std::string expected = "…";
  for (int i = 0; i < 100; ++i) {
    expected += "é";
  }
  CHECK(shown(text, {1, 401}) == expected + "…\n" + std::string(61, ' ') + "^201");
}

TEST_CASE("Places of one text can be asked for one after the other, in any order") {
  SourceLines lines("é: [a, b]\nü: c\n");
  CHECK(lines.excerpt({1, 6}) == SourceExcerpt{"é: [a, b]", 4, 5});
  CHECK(lines.excerpt({1, 9}) == SourceExcerpt{"é: [a, b]", 7, 8});
  CHECK(lines.excerpt({2, 3}) == SourceExcerpt{"ü: c", 1, 2});
  CHECK(lines.excerpt({1, 3}) == SourceExcerpt{"é: [a, b]", 1, 2});
}

}  // namespace
}  // namespace signet
