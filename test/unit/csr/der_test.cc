#include "signer/csr/der.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "test/unit/csr/request_builder.h"

namespace signet {
namespace {

using namespace std::string_literals;

std::string nested(int depth) { return depth == 0 ? ""s : test::der(0x30, {nested(depth - 1)}); }

TEST_CASE("DER has one encoding for a value and the others are refused") {
  struct Row {
    std::string name;
    std::string bytes;
    // Where and why; empty for what is DER.
    std::string error;
  };
  const std::string length =
      "not a value with a low tag number and a length that is definite, minimal and within bounds";
  const std::string integer = "an INTEGER is encoded in as few bytes as possible";
  const std::string bits = "the unused bits of a BIT STRING are at most 7, and zero";
  const std::string identifier = "an OBJECT IDENTIFIER is complete, minimal and at most 64 bytes";
  const std::vector<Row> rows = {
      {"nothing", "", "0: " + length},
      {"a tag alone", "\x30", "0: " + length},
      {"an empty sequence", "\x30\x00"s, ""},
      {"an octet too few", "\x04\x02\x61", "0: " + length},
      {"an octet too many", "\x04\x01\x61\x61", "3: bytes after the value"},
      {"128 octets", "\x04\x81\x80" + std::string(128, 'a'), ""},
      {"127 octets in long form", "\x04\x81\x7f" + std::string(127, 'a'), "0: " + length},
      {"256 octets", "\x04\x82\x01\x00"s + std::string(256, 'a'), ""},
      {"128 octets with a length of two", "\x04\x82\x00\x80"s + std::string(128, 'a'), "0: " + length},
      {"a length of three octets for 256", "\x04\x83\x00\x01\x00"s + std::string(256, 'a'), "0: " + length},
      {"a length of 4 GiB", "\x04\x84\xff\xff\xff\xff", "0: " + length},
      {"a length of five octets", "\x04\x85\x01\x01\x01\x01\x01", "0: " + length},
      {"a length of 127 octets", "\x04\xff\x01", "0: " + length},
      {"a length cut short", "\x04\x82\x01", "0: " + length},
      {"an indefinite length", "\x30\x80\x00\x00"s, "0: " + length},
      {"a tag number of many octets", "\x1f\x81\x01\x00"s, "0: " + length},
      {"a tag number of many octets, of a context", "\xbf\x1f\x00"s, "0: " + length},
      {"end of contents", "\x00\x00"s, "0: end-of-contents is not DER"},
      {"end of contents inside", "\x30\x02\x00\x00"s, "2: end-of-contents is not DER"},
      {"a string in pieces", "\x24\x03\x04\x01\x61", "0: only SEQUENCE and SET are constructed"},
      {"a primitive sequence", "\x10\x00"s, "0: SEQUENCE and SET are constructed"},
      {"a primitive set", "\x11\x00"s, "0: SEQUENCE and SET are constructed"},
      {"a fault two levels down", "\x30\x05\xa0\x03\x02\x01\x00\x05\x00"s, "7: bytes after the value"},
      {"a fault in the second member", "\x30\x07\x05\x00\xa0\x03\x01\x01\x01"s, "6: a BOOLEAN is 00 or FF"},
      {"opaque bytes of a context", "\x80\x03\x01\x01\x01", ""},
      {"true", "\x01\x01\xff", ""},
      {"false", "\x01\x01\x00"s, ""},
      {"almost true", "\x01\x01\x01", "0: a BOOLEAN is 00 or FF"},
      {"a boolean of no octet", "\x01\x00"s, "0: a BOOLEAN is 00 or FF"},
      {"zero", "\x02\x01\x00"s, ""},
      {"128", "\x02\x02\x00\x80"s, ""},
      {"127 in two octets", "\x02\x02\x00\x7f"s, "0: " + integer},
      {"-128", "\x02\x01\x80", ""},
      {"-128 in two octets", "\x02\x02\xff\x80", "0: " + integer},
      {"-129", "\x02\x02\xff\x7f", ""},
      {"no integer", "\x02\x00"s, "0: " + integer},
      {"an enumerated 1 in two octets", "\x0a\x02\x00\x01"s, "0: " + integer},
      {"no bits", "\x03\x01\x00"s, ""},
      {"one bit", "\x03\x02\x07\x80", ""},
      {"one bit and one that is unused", "\x03\x02\x07\xc0", "0: " + bits},
      {"eight unused bits", "\x03\x02\x08\x00"s, "0: " + bits},
      {"unused bits of nothing", "\x03\x01\x01", "0: " + bits},
      {"a bit string of no octet", "\x03\x00"s, "0: " + bits},
      {"null", "\x05\x00"s, ""},
      {"null with contents", "\x05\x01\x00"s, "0: NULL has no contents"},
      {"an identifier", "\x06\x03\x55\x1d\x11", ""},
      {"an identifier of no octet", "\x06\x00"s, "0: " + identifier},
      {"an identifier cut short", "\x06\x02\x55\x9d", "0: " + identifier},
      {"an identifier with padding", "\x06\x04\x55\x80\x1d\x11", "0: " + identifier},
      {"an identifier with 80 inside an arc", "\x06\x04\x55\x81\x80\x11", ""},
      {"an identifier of 64 octets", "\x06\x40" + std::string(64, '\x11'), ""},
      {"an identifier of 65 octets", "\x06\x41" + std::string(65, '\x11'), "0: " + identifier},
      {"16 levels", nested(16), ""},
      {"17 levels", nested(17), "32: nested too deep"},
      {"60 levels", nested(60), "32: nested too deep"},
  };
  for (const Row& row : rows) {
    INFO(row.name);
    const auto checked = check_der(row.bytes);
    CHECK((checked ? "" : checked.error()) == (row.error.empty() ? "" : "DER byte " + row.error));
  }
}

TEST_CASE("values are taken off one after the other") {
  std::string_view rest = "\x02\x01\x05\x04\x02hi\x04\x05hi";
  const auto number = take_tlv(rest);
  REQUIRE(number);
  CHECK(number->tag == 0x02);
  CHECK(number->content == "\x05");
  const auto text = take_tlv(rest);
  REQUIRE(text);
  CHECK(text->content == "hi");
  CHECK(text->encoding == "\x04\x02hi");
  const std::string_view before = rest;
  CHECK_FALSE(take_tlv(rest));
  CHECK(rest == before);
}

}  // namespace
}  // namespace signet
