#include "policy/yaml_document.h"

#include <algorithm>
#include <catch2/catch.hpp>

namespace signet {
namespace {

constexpr YamlLimits kLimits{.max_bytes = 10000};

std::string first_problem(std::string_view text) {
  const auto root = parse_yaml(text, kLimits);
  if (root) {
    return "";
  }
  const YamlProblem& problem = root.error().at(0);
  return std::to_string(problem.mark.line) + ":" + std::to_string(problem.mark.column) + ": " + problem.message;
}

TEST_CASE("A YAML tree keeps the place of each value") {
  const auto root = parse_yaml("a: x\nb:\n- 'y'\n- {c: 1}\n", kLimits);
  REQUIRE(root);
  REQUIRE(root->find("b") != nullptr);
  const YamlNode& list = *root->find("b");
  REQUIRE(list.items.size() == 2);
  CHECK(list.items[0].scalar == "y");
  CHECK(list.items[0].mark == YamlMark{3, 3});
  CHECK(list.items[1].find("c")->ambiguous);
  CHECK(root->find("absent") == nullptr);
  CHECK(parse_yaml("", kLimits)->kind == YamlNode::Kind::kNull);
}

TEST_CASE("A scalar without quotes that readers take for no string is marked") {
  const auto [text, ambiguous] = GENERATE(table<std::string, bool>(
      {{"no", true},    {"Yes", true},       {"1e3", true},    {"0777", true},  {"0x1f", true},
       {"1.5", true},   {"10.0.0.1", false}, {"1.2.3", false}, {"::1", true},   {"null", true},
       {"~", true},     {".inf", true},      {"1_000", true},  {"12:30", true}, {"2026-01-01", true},
       {"'no'", false}, {"\"1\"", false},    {"foo", false},   {"1a", false},   {"e1", false},
       {"24h", false},  {"v1", false},       {"none", false},  {"a-1", false}}));
  CAPTURE(text);
  const auto root = parse_yaml("k: " + text, kLimits);
  REQUIRE(root);
  CHECK((root->find("k")->ambiguous || root->find("k")->kind == YamlNode::Kind::kNull) == ambiguous);
}

TEST_CASE("YAML that can be misread is refused with its place") {
  const auto [text, problem] = GENERATE(table<std::string, std::string>(
      {{"a: &x 1", "1:4: anchors are not allowed: write the value out where it is used"},
       {"a: 1\nb: 2\na: 3", "3:1: key \"a\" is repeated; it stands in line 1 already"},
       {"a: !!str 1", "1:4: tags are not allowed: tag:yaml.org,2002:str"},
       {"? [a]\n: 1", "1:3: a key must be a plain name"},
       {"<<: {a: 1}", "1:1: a key must be a plain name"},
       {"--- a\n--- b", "2:1: several documents in one file; exactly one is read"},
       {"a: \xff", "1:4: a byte that is not UTF-8 text (a control character, or an invalid sequence)"},
       {std::string("a: \0", 4), "1:4: a byte that is not UTF-8 text (a control character, or an invalid sequence)"},
       {"a: \xed\xa0\x80", "1:4: a byte that is not UTF-8 text (a control character, or an invalid sequence)"},
       {std::string(40, '[') + std::string(40, ']'), "1:33: nested deeper than 32 levels"},
       {std::string(20000, 'a'), "0:0: has 20000 bytes; at most 10000 are read"}}));
  CAPTURE(text);
  CHECK(first_problem(text) == problem);
}

TEST_CASE("YAML in which another reader would end a line elsewhere is refused") {
  const std::string key = "signer: bar\n";
  const auto [text, place] = GENERATE_COPY(table<std::string, std::string>({{"# CR alone\r" + key, "1:11"},
                                                                            {"a: 1\r\nb: 2\r" + key, "2:5"},
                                                                            {"# NEL\xc2\x85" + key, "1:6"},
                                                                            {"# LS\xe2\x80\xa8" + key, "1:5"},
                                                                            {"# PS\xe2\x80\xa9" + key, "1:5"},
                                                                            {"a: 1\n\xef\xbb\xbf" + key, "2:1"}}));
  CAPTURE(text);
  CHECK(first_problem(text).starts_with(place + ": a character that some readers of YAML take for the end of a line"));
  CHECK(first_problem("a: 1\r\nb: 2\r\n").empty());
  CHECK(first_problem("\xef\xbb\xbf" + key).empty());
}

TEST_CASE("A syntax error says where it is") {
  const std::string text = GENERATE("a: [", "a:\n\t- b", "a: 'x", "{a: 1", "a: b: c", "a: *x");
  CAPTURE(text);
  CHECK_THAT(first_problem(text), Catch::Contains("not YAML: "));
}

TEST_CASE("An alias is refused even where its anchor is known") {
  CHECK(parse_yaml("a: &x 1\nb: *x", kLimits).error().size() == 2);
}

TEST_CASE("what is wrong everywhere is told a bounded number of times") {
  std::string text;
  for (int i = 0; i < 10'000; ++i) text += "- &a 1\n";
  const auto root = parse_yaml(text, {.max_bytes = std::size_t{1} << 20U});
  REQUIRE_FALSE(root);
  REQUIRE(root.error().size() == 101);
  CHECK(root.error().back().message == "more is wrong; the reading ends here");
  for (std::size_t before = 97; before < 102; ++before) {
    INFO(before << " problems and a syntax error");
    std::string broken;
    for (std::size_t i = 0; i < before; ++i) broken += "- &a 1\n";
    const auto refused = parse_yaml(broken + "- [", kLimits);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().size() == std::min<std::size_t>(before + 1 + (before >= 99 ? 1 : 0), 101));
  }
}

TEST_CASE("a column counts bytes") { CHECK(first_problem("ä: &x 1").starts_with("1:5: ")); }

}  // namespace
}  // namespace signet
