#include "signer/kube/json.h"

#include <catch2/catch.hpp>

#include "signer/kube/json_writer.h"

namespace signet {
namespace {

using namespace std::string_literals;

std::string nested(std::size_t depth, char open, char close) {
  return std::string(depth, open) + std::string(depth, close);
}

TEST_CASE("An answer of the API server is read as deep as that server writes it") {
  const JsonLimits limits{.max_depth = kMaxApiServerDepth};
  CHECK(JsonDocument::parse(std::string(10'000, '[') + std::string(10'000, ']'), limits));
  CHECK_FALSE(JsonDocument::parse(std::string(20'000, '[') + std::string(20'000, ']'), limits));
}

TEST_CASE("What clients wrote into an answer of the API server does not spoil the rest of it") {
  const std::string relayed = GENERATE(values<std::string>({
      "{\"f:\xff\":{}}",
      "{\"f:\xff\":{},\"f:\xfe\":{}}",
      R"({"f:a":1,"f:a":2})",
  }));
  CAPTURE(relayed);
  const std::string text =
      R"({"metadata":{"managedFields":)" + relayed + R"(,"name":"n"},"spec":{"expirationSeconds":600}})";
  const auto document = JsonDocument::parse(text, {.relayed = true});
  INFO((document ? "" : document.error()));
  REQUIRE(document);
  CHECK(document->root().at("metadata", "name").as_string() == "n");
  CHECK(document->root().at("spec", "expirationSeconds").as_int64() == 600);
  CHECK_FALSE(JsonDocument::parse(text));
}

TEST_CASE("JSON text that breaks a rule is refused with its byte and the rule") {
  struct Row {
    const char* name;
    std::string text;
    std::string error;
  };
  const Row rows[] = {
      {"nothing", "", "byte 0: The document is empty."},
      {"white space", " \n", "byte 2: The document is empty."},
      {"a NUL", "\0"s, "byte 0: The document is empty."},
      {"cut in an object", R"({"a":1)", "byte 6: Missing a comma or '}' after an object member."},
      {"cut in a string", R"({"a":"b)", "byte 7: Missing a closing quotation mark in string."},
      {"trailing value", "{} {}", "byte 3: The document root must not be followed by other values."},
      {"trailing NUL", "{}\0"s, "byte 2: a NUL byte after the value"},
      {"text behind a NUL", "{}\0{}"s, "byte 2: a NUL byte after the value"},
      {"NUL in a string", "[\"a\0b\"]"s, "byte 3: Missing a closing quotation mark in string."},
      {"control character", "[\"a\nb\"]", "byte 3: Invalid escape character in string."},
      {"bad escape", R"(["\x"])", "byte 2: Invalid escape character in string."},
      {"trailing comma", "[1,]", "byte 3: Invalid value."},
      {"comment", "/**/[]", "byte 0: Invalid value."},
      {"NaN", "[NaN]", "byte 1: Invalid value."},
      {"byte order mark", "\xEF\xBB\xBF{}", "byte 0: Invalid value."},
      {"number too big", "[1e999]", "byte 1: Number too big to be stored in double."},
      {"number too big by its many digits", "[" + std::string(87, '6') + "e299]", "byte 1: the number is too large"},
      {"leading zero", "[01]", "byte 2: Missing a comma or ']' after an array element."},
      {"overlong UTF-8", "[\"\xC0\xAF\"]", "byte 2: not valid UTF-8"},
      {"UTF-8 surrogate", "[\"\xED\xA0\x80\"]", "byte 2: not valid UTF-8"},
      {"UTF-8 cut off", "[\"\xE2\x82\"]", "byte 2: not valid UTF-8"},
      {"beyond Unicode", "[\"\xF4\x90\x80\x80\"]", "byte 2: not valid UTF-8"},
      {"lone high surrogate escape", R"(["\ud800"])", "byte 2: The surrogate pair in string is invalid."},
      {"lone low surrogate escape", R"(["a\udc00"])", "byte 1: the string has an unpaired surrogate escape"},
      {"key with a surrogate", R"({"\udc00":1})", "byte 1: the string has an unpaired surrogate escape"},
      {"repeated key", R"({"a":1,"b":2,"a":3})", R"(byte 13: the key "a" is repeated)"},
      {"repeated key, escaped", R"({"a":1,"\u0061":3})", R"(byte 7: the key "a" is repeated)"},
      {"repeated key, nested", R"([{"x":{"k":1,"k":1}}])", R"(byte 13: the key "k" is repeated)"},
      {"repeated empty key", R"({"":1,"":1})", R"(byte 6: the key "" is repeated)"},
      {"objects too deep", nested(65, '[', ']'), "byte 64: nested deeper than 64"},
      {"a million deep", std::string(1'000'000, '['), "byte 64: nested deeper than 64"},
  };
  for (const Row& row : rows) {
    INFO(row.name);
    const auto document = JsonDocument::parse(row.text);
    REQUIRE_FALSE(document.has_value());
    CHECK(document.error() == row.error);
  }
}

TEST_CASE("JSON limits are inclusive") {
  CHECK(JsonDocument::parse(nested(64, '[', ']')).has_value());
  CHECK(JsonDocument::parse("[1]", {.max_bytes = 3}).has_value());
  CHECK(JsonDocument::parse("[1]", {.max_bytes = 2}).error() == "byte 2: the document is larger than 2 bytes");
  CHECK(JsonDocument::parse("[1,2]", {.max_values = 3}).has_value());
  CHECK(JsonDocument::parse("[1,2,3]", {.max_values = 3}).error() == "byte 5: more than 3 values");
}

TEST_CASE("The same key is fine in different objects") {
  CHECK(JsonDocument::parse(R"({"a":{"a":{"a":1}},"b":[{"a":1},{"a":2}]})").has_value());
}

TEST_CASE("A repeated key among 50000 is found, and their order kept") {
  std::string text = "{";
  for (int i = 0; i < 50'000; ++i) text += "\"key" + std::to_string(i) + "\":0,";
  const std::size_t last = text.size();
  auto good = JsonDocument::parse(text + "\"end\":0}");
  REQUIRE(good.has_value());
  CHECK(good->root().size() == 50'001);
  CHECK(good->root().member(49'999).key == "key49999");
  CHECK(JsonDocument::parse(text + "\"key7\":0}").error() ==
        "byte " + std::to_string(last) + R"(: the key "key7" is repeated)");
}

TEST_CASE("A view reads what is there and gives nothing for the wrong type") {
  auto document = JsonDocument::parse(
      R"({"s":"x\u0000\u20ac","i":-9223372036854775808,"big":9223372036854775808,"d":1.0,"b":true,"n":null,"a":[1,"2",{}],"o":{"p":{"q":7}}})");
  REQUIRE(document.has_value());
  const JsonDocument moved = std::move(*document);
  const JsonView root = moved.root();

  CHECK(root.is_object());
  CHECK(root.size() == 8);
  CHECK(root.get("s").as_string() == "x\0\xE2\x82\xAC"s);
  CHECK(root.get("i").as_int64() == std::numeric_limits<std::int64_t>::min());
  CHECK(root.get("big").as_int64() == std::nullopt);
  CHECK(root.get("d").as_int64() == std::nullopt);
  CHECK(root.get("b").as_bool() == true);
  CHECK(root.get("n").is_null());
  CHECK(root.get("n").exists());
  CHECK(root.get("n").is_absent_or_null());
  CHECK(root.at("o", "p", "q").as_int64() == 7);
  CHECK(root.get("a").element(1).as_string() == "2");

  const JsonView wrong[] = {JsonView(), root.get("missing"), root.get("s").get("x"), root.at("a", "b"),
                            root.at("x", "y", "z")};
  for (const JsonView view : wrong) {
    CHECK_FALSE(view.exists());
    CHECK_FALSE(view.is_null());
    CHECK_FALSE(view.is_object());
    CHECK_FALSE(view.is_array());
    CHECK(view.as_string() == std::nullopt);
    CHECK(view.as_int64() == std::nullopt);
    CHECK(view.as_bool() == std::nullopt);
    CHECK(view.size() == 0);
    CHECK(view.is_absent_or_null());
  }
  CHECK(root.get("s").as_int64() == std::nullopt);
  CHECK(root.get("i").as_string() == std::nullopt);
  CHECK(root.get("i").as_bool() == std::nullopt);
  CHECK(root.get("s").size() == 0);
}

TEST_CASE("Ranges over elements and members are in the document's order, and empty for other types") {
  const auto document = JsonDocument::parse(R"({"z":1,"y":[3,4],"x":2})");
  REQUIRE(document.has_value());
  std::string keys;
  for (const auto& [key, value] : document->root().members()) keys += key;
  CHECK(keys == "zyx");
  std::int64_t sum = 0;
  for (const JsonView element : document->root().get("y").elements()) sum += element.as_int64().value_or(0);
  CHECK(sum == 7);
  for (const JsonView element : document->root().elements()) FAIL_CHECK("an object has elements: " << element.exists());
  for (const auto& member : document->root().get("y").members()) FAIL_CHECK("a list has members: " << member.key);
}

TEST_CASE("Strings are written so that they read back, invalid UTF-8 replaced byte by byte") {
  struct Row {
    std::string text;
    std::string json;
  };
  const Row rows[] = {
      {"", R"("")"},
      {"plain", R"("plain")"},
      {"q\"b\\n\nr\rt\t", R"("q\"b\\n\nr\rt\t")"},
      {"\0\x1F\x7F"s, R"("\u0000\u001f\u007f")"},
      {"\xE2\x82\xAC\xF0\x9F\x98\x80", "\"\xE2\x82\xAC\xF0\x9F\x98\x80\""},
      {"a\xFFz", "\"a\xEF\xBF\xBDz\""},
      {"\xE2\x82", "\"\xEF\xBF\xBD\xEF\xBF\xBD\""},
      {"\xC0\xAF", "\"\xEF\xBF\xBD\xEF\xBF\xBD\""},
      {"\xED\xA0\x80", "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\""},
  };
  for (const Row& row : rows) {
    std::string out;
    append_json_string(out, row.text);
    CHECK(out == row.json);
    CHECK(JsonDocument::parse(out).has_value());
  }
}

TEST_CASE("The writer puts commas where they belong") {
  JsonWriter json;
  json.begin_object().key("a").integer(-1).key("b").begin_array();
  json.boolean(true).null().begin_object().end_object().begin_array().end_array().string("x").raw("1.5").end_array();
  json.key("c").string("\n").end_object();
  CHECK(json.text() == R"({"a":-1,"b":[true,null,{},[],"x",1.5],"c":"\n"})");
  CHECK(json.take() == R"({"a":-1,"b":[true,null,{},[],"x",1.5],"c":"\n"})");
  CHECK(json.begin_array().end_array().take() == "[]");
}

TEST_CASE("A parsed value is written back as it was") {
  const std::string text = R"({"a":[1,-2,1.5,true,false,null,"\u0001\"",[],{}],"b":{"c":18446744073709551615}})";
  const auto document = JsonDocument::parse(text);
  REQUIRE(document.has_value());
  JsonWriter json;
  json.begin_array().value(document->root()).value(JsonView()).end_array();
  CHECK(json.text() == "[" + text + ",null]");
}

}  // namespace
}  // namespace signet
