#include "signer/kube/base64.h"

#include <catch2/catch.hpp>

namespace signet {
namespace {

using namespace std::string_literals;

TEST_CASE("Base64 is written and read as RFC 4648 section 10 shows") {
  const struct {
    std::string bytes;
    std::string text;
  } rows[] = {
      {"", ""},
      {"f", "Zg=="},
      {"fo", "Zm8="},
      {"foo", "Zm9v"},
      {"foob", "Zm9vYg=="},
      {"fooba", "Zm9vYmE="},
      {"foobar", "Zm9vYmFy"},
      {"\0\xFF\xFE"s, "AP/+"},
  };
  for (const auto& row : rows) {
    CHECK(base64_encode(row.bytes) == row.text);
    CHECK(base64_decode(row.text) == row.bytes);
  }
}

TEST_CASE("Every byte survives base64") {
  std::string bytes;
  for (int i = 0; i < 256; ++i) {
    bytes += static_cast<char>(i);
    CHECK(base64_decode(base64_encode(bytes)) == bytes);
  }
}

TEST_CASE("Base64 that is not canonical is refused with its byte and the rule") {
  const struct {
    std::string text;
    std::string error;
  } rows[] = {
      {"Zg", "byte 2: the length of base64 is not a multiple of 4"},
      {"Zg=", "byte 3: the length of base64 is not a multiple of 4"},
      {"Zm9v\n", "byte 5: the length of base64 is not a multiple of 4"},
      {"Zm9\n", "byte 3: not a character of base64"},
      {"Z m9", "byte 1: not a character of base64"},
      {"Zm-_", "byte 2: not a character of base64"},
      {"Zg==Zg==", "byte 2: not a character of base64"},
      {"Z===", "byte 1: not a character of base64"},
      {"====", "byte 0: not a character of base64"},
      {"=Zg=", "byte 0: not a character of base64"},
      {"Zh==", "byte 1: base64 has non-zero trailing bits"},
      {"Zm9=", "byte 2: base64 has non-zero trailing bits"},
      {"Zm\0v"s, "byte 2: not a character of base64"},
      {"Zm\xFFv", "byte 2: not a character of base64"},
  };
  for (const auto& row : rows) {
    const auto bytes = base64_decode(row.text);
    INFO(row.text);
    REQUIRE_FALSE(bytes.has_value());
    CHECK(bytes.error() == row.error);
  }
}

}  // namespace
}  // namespace signet
