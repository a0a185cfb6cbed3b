#include "signer/audit/verify_chain.h"

#include <catch2/catch.hpp>
#include <vector>

#include "signer/csr/sha256.h"
#include "test/unit/audit/scratch.h"

using namespace signet;

namespace {

/// The lines of a log with a start and records a, b, c; each with its newline.
std::vector<std::string> four_lines() {
  ChainHead head;
  const auto time = test::fixed_clock()();
  std::vector<std::string> lines = {seal_line(start_members(AuditStream::kIssuance, {}), time, head)};
  for (const char* const name : {"a", "b", "c"})
    lines.push_back(seal_line(audit_members(test::issued(name)), time, head));
  return lines;
}

std::string joined(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line;
  return text;
}

std::string marked(const std::string& torn, ChainHead head) {
  return seal_line(start_members(AuditStream::kIssuance, TornTail{torn.size(), sha256_hex(torn)}),
                   test::fixed_clock()(), head);
}

}  // namespace

TEST_CASE("a log that holds is summed up") {
  const auto lines = four_lines();
  const auto whole = test::verify_text(joined(lines));
  REQUIRE(whole);
  CHECK(whole->lines == 4);
  CHECK(whole->chains == 1);
  CHECK(whole->torn == 0);
  CHECK(whole->head.seq == 4);

  const auto later_file = test::verify_text(lines[2] + lines[3]);
  REQUIRE(later_file);
  CHECK(later_file->chains == 0);

  const auto two_processes = test::verify_text(joined(lines) + joined(lines));
  REQUIRE(two_processes);
  CHECK(two_processes->chains == 2);

  const auto empty = test::verify_text("");
  REQUIRE(empty);
  CHECK(empty->lines == 0);
}

TEST_CASE("a log holds whether or not its records have their requests, or other members that came later") {
  ChainHead head;
  const auto time = test::fixed_clock()();
  AuditRecord record = test::issued("a");
  std::string text = seal_line(audit_members(record), time, head);
  record.request = recorded_request(SigningRequest{});
  text += seal_line(audit_members(record), time, head);
  text += seal_line(audit_members(record) + R"(,"later":[{"x":1}])", time, head);
  CHECK(text.find("\"request\":") != std::string::npos);
  const auto whole = test::verify_text(text);
  REQUIRE(whole);
  CHECK(whole->lines == 3);
}

TEST_CASE("what was cut off holds if and only if the line behind it tells its length and hash") {
  const auto lines = four_lines();
  const auto head_of = [](const std::string& line) {
    const auto read = read_line(line.substr(0, line.size() - 1));
    return ChainHead{read->seq, read->hash};
  };
  const std::string torn = lines[2].substr(0, 100);
  const std::string behind = marked(torn, head_of(lines[1]));
  const auto held = test::verify_text(lines[0] + lines[1] + torn + "\n" + behind);
  REQUIRE(held);
  CHECK(held->torn == 1);

  const std::string other_bytes = lines[0] + lines[1] + torn + "x\n" + behind;
  const std::string unmarked = lines[0] + lines[1] + torn + "\n" + lines[2];
  const std::string nothing_torn = lines[0] + lines[1] + behind;
  CHECK(test::verify_text(other_bytes).error().line == 3);
  CHECK(test::verify_text(unmarked).error().line == 3);
  CHECK(test::verify_text(nothing_torn).error().line == 3);
}

TEST_CASE("a log that does not hold is refused at the line that breaks it") {
  const auto lines = four_lines();
  std::string edited = lines[2];
  edited.replace(edited.find("\"b\""), 3, "\"x\"");
  struct Row {
    const char* name;
    std::string text;
    std::uint64_t line;
    const char* message;
  };
  const Row row = GENERATE_COPY(
      Row{"a line is missing", lines[0] + lines[1] + lines[3], 3, "seq is 4, expected 3"},
      Row{"lines changed places", lines[0] + lines[2] + lines[1] + lines[3], 2, "seq is 3, expected 2"},
      Row{"a line stands twice", lines[0] + lines[1] + lines[1], 3, "seq is 2, expected 3"},
      Row{"a word was edited", lines[0] + lines[1] + edited + lines[3], 3, "its hash is not that of its content"},
      Row{"the last line is cut off", lines[0] + lines[1].substr(0, 50), 2, "does not end in a hash"},
      Row{"the last newline is cut off", lines[0] + lines[1].substr(0, lines[1].size() - 1), 2,
          "is not ended by a newline"},
      Row{"an empty line", lines[0] + "\n" + lines[1], 2, "does not end in a hash"},
      Row{"no log at all", "root:x:0:0:root\n", 1, "does not end in a hash"},
      Row{"a line without end", lines[0] + std::string(5 * kMaxAuditLineBytes, 'x'), 2,
          "longer than any audit record"});
  INFO(row.name);
  const auto verified = test::verify_text(row.text);
  REQUIRE_FALSE(verified);
  CHECK(verified.error().line == row.line);
  CHECK(verified.error().message == row.message);
}

TEST_CASE("a line of another chain with the right number is refused for its prev") {
  const auto lines = four_lines();
  ChainHead head{2, std::string(64, 'a')};
  const std::string stranger = seal_line(audit_members(test::issued("b")), test::fixed_clock()(), head);
  const auto verified = test::verify_text(lines[0] + lines[1] + stranger);
  REQUIRE_FALSE(verified);
  CHECK(verified.error().line == 3);
  CHECK(verified.error().message.substr(0, 8) == "prev is ");
}
