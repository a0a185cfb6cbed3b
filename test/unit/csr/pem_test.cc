#include "signer/csr/pem.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

namespace signet {
namespace {

using namespace std::string_literals;

// "abc" in one line, and 50 bytes in two.
const std::string kShort = "-----BEGIN THING-----\nYWJj\n-----END THING-----\n";
const std::string kLine64(64, 'A');
const std::string kTwoLines = "-----BEGIN THING-----\n" + kLine64 + "\nAAA=\n-----END THING-----\n";

TEST_CASE("PEM blocks are read as RFC 7468 writes them") {
  struct Row {
    std::string text;
    std::vector<std::string> blocks;
  };
  const std::vector<Row> rows = {
      {kShort, {"abc"}},
      {"-----BEGIN THING-----\nYWJj\n-----END THING-----", {"abc"}},
      {"-----BEGIN THING-----\r\nYWJj\r\n-----END THING-----\r\n", {"abc"}},
      {"-----BEGIN THING-----\r\nYWJj\r\n-----END THING-----", {"abc"}},
      {kTwoLines, {std::string(50, '\0')}},
      {"-----BEGIN THING-----\n" + kLine64 + "\n-----END THING-----\n", {std::string(48, '\0')}},
      {"-----BEGIN THING-----\n-----END THING-----\n", {""}},
      {kShort + kTwoLines, {"abc", std::string(50, '\0')}},
  };
  for (const Row& row : rows) {
    INFO(row.text);
    const auto blocks = read_pem(row.text, "THING", {.max_bytes = 1000, .max_blocks = 2});
    REQUIRE(blocks);
    CHECK(*blocks == row.blocks);
  }
}

TEST_CASE("text that is anything but PEM blocks is refused with the line and the rule") {
  const std::string lines = "base 64 comes in lines of 64 characters, of which only the last may be shorter";
  struct Row {
    std::string name;
    std::string text;
    std::string error;
  };
  const std::vector<Row> rows = {
      {"empty", "", "PEM: empty"},
      {"too large", std::string(1001, 'a'), "PEM: 1001 bytes, of at most 1000"},
      {"other text", "hello\n", "PEM line 1: is not \"-----BEGIN THING-----\""},
      {"another label", "-----BEGIN OTHER-----\nYWJj\n-----END OTHER-----\n",
       "PEM line 1: is not \"-----BEGIN THING-----\""},
      {"a longer label", "-----BEGIN NEW THING-----\nYWJj\n-----END NEW THING-----\n",
       "PEM line 1: is not \"-----BEGIN THING-----\""},
      {"text before", "a\n" + kShort, "PEM line 1: is not \"-----BEGIN THING-----\""},
      {"a blank line before", "\n" + kShort, "PEM line 1: is not \"-----BEGIN THING-----\""},
      {"a byte order mark", "\xef\xbb\xbf" + kShort, "PEM line 1: is not \"-----BEGIN THING-----\""},
      {"text after", kShort + "a", "PEM line 4: is not \"-----BEGIN THING-----\""},
      {"a blank line after", kShort + "\n", "PEM line 4: is not \"-----BEGIN THING-----\""},
      {"a third block", kShort + kShort + kShort, "PEM line 7: nothing may follow the 2 blocks"},
      {"a header", "-----BEGIN THING-----\nProc-Type: 4\n\nYWJj\n-----END THING-----\n", "PEM line 3: " + lines},
      {"white space in base 64", "-----BEGIN THING-----\nYW Jj\n-----END THING-----\n", "PEM block before line 3: "},
      {"a blank line", "-----BEGIN THING-----\n\nYWJj\n-----END THING-----\n", "PEM line 2: " + lines},
      {"two short lines", "-----BEGIN THING-----\nYWJj\nYWJj\n-----END THING-----\n", "PEM line 3: " + lines},
      {"a long line", "-----BEGIN THING-----\n" + kLine64 + "AAAA\n-----END THING-----\n", "PEM line 2: " + lines},
      {"bits that are left over and not zero", "-----BEGIN THING-----\nYWJ=\n-----END THING-----\n",
       "PEM block before line 3: "},
      {"no padding", "-----BEGIN THING-----\nYWI\n-----END THING-----\n", "PEM block before line 3: "},
      {"white space after a boundary", "-----BEGIN THING----- \nYWJj\n-----END THING-----\n",
       "PEM line 1: is not \"-----BEGIN THING-----\""},
      {"no end", "-----BEGIN THING-----\nYWJj\n", "PEM line 2: the text ends before \"-----END THING-----\""},
      {"the end of something else", "-----BEGIN THING-----\nYWJj\n-----END OTHER-----\n", "PEM line 3: " + lines},
      {"LF among CRLF", "-----BEGIN THING-----\r\nYWJj\n-----END THING-----\r\n",
       "PEM line 2: ends unlike the first line"},
      {"CRLF among LF", "-----BEGIN THING-----\nYWJj\r\n-----END THING-----\n",
       "PEM line 2: ends unlike the first line"},
      {"a lone CR at the end", "-----BEGIN THING-----\nYWJj\n-----END THING-----\r",
       "PEM line 3: ends unlike the first line"},
      {"CR for line ends", "-----BEGIN THING-----\rYWJj\r-----END THING-----\r",
       "PEM line 1: is not \"-----BEGIN THING-----\""},
      {"NUL", "-----BEGIN THING-----\nYW\0j\n-----END THING-----\n"s, "PEM block before line 3: "},
  };
  for (const Row& row : rows) {
    INFO(row.name);
    const auto blocks = read_pem(row.text, "THING", {.max_bytes = 1000, .max_blocks = 2});
    REQUIRE_FALSE(blocks);
    CHECK(blocks.error().substr(0, row.error.size()) == row.error);
  }
}

}  // namespace
}  // namespace signet
