#include "signer/audit/verify_chain.h"

#include "signer/csr/sha256.h"

namespace signet {
namespace {

// Reads a line of at most `kMaxAuditLineBytes` + 1, so that no log can take all memory. False at the end.
bool next_line(std::istream& log, std::string& line, bool& ended) {
  line.clear();
  ended = false;
  for (int character = log.get(); character != std::istream::traits_type::eof(); character = log.get()) {
    if (character == '\n') {
      ended = true;
      return true;
    }
    line += static_cast<char>(character);
    if (line.size() > kMaxAuditLineBytes) return true;
  }
  return !line.empty();
}

// What has been read since the last line that holds.
struct Unread {
  std::string bytes;
  std::uint64_t first_line = 0;
  std::string problem;
};

std::string mismatch(std::string_view what, std::string_view is, std::string_view expected) {
  return std::string(what) + " is " + std::string(is) + ", expected " + std::string(expected);
}

}  // namespace

tl::expected<ChainSummary, ChainProblem> verify_chain(std::istream& log, const HeldLineVisitor& visit) {
  ChainSummary summary;
  Unread unread;
  std::string line;
  bool ended = false;
  for (std::uint64_t number = 1; next_line(log, line, ended); ++number) {
    auto sealed = read_line(line);
    if (sealed && !ended) sealed = tl::unexpected<std::string>("is not ended by a newline");
    if (!sealed) {
      if (unread.first_line == 0) {
        unread = {line, number, sealed.error()};
      } else {
        unread.bytes += '\n' + line;
      }
      if (unread.bytes.size() > 2 * kMaxAuditLineBytes) break;
      continue;
    }
    if (unread.first_line != 0) {
      const TornTail torn{unread.bytes.size(), sha256_hex(unread.bytes)};
      if (sealed->event != "start" || sealed->torn != torn) break;
      unread = {};
      ++summary.torn;
    } else if (sealed->torn) {
      return tl::unexpected(ChainProblem{number, "tells of a torn line before it that is not there"});
    }
    const bool begins = sealed->event == "start" && sealed->seq == 1 && sealed->prev == ChainHead{}.hash;
    if (!begins && summary.lines > 0) {
      if (sealed->seq != summary.head.seq + 1) {
        return tl::unexpected(
            ChainProblem{number, mismatch("seq", std::to_string(sealed->seq), std::to_string(summary.head.seq + 1))});
      }
      if (sealed->prev != summary.head.hash) {
        return tl::unexpected(ChainProblem{number, mismatch("prev", sealed->prev, summary.head.hash)});
      }
    }
    if (begins) ++summary.chains;
    ++summary.lines;
    summary.head = {sealed->seq, sealed->hash};
    if (visit) visit(number, line, *sealed);
  }
  if (unread.first_line != 0) return tl::unexpected(ChainProblem{unread.first_line, unread.problem});
  return summary;
}

}  // namespace signet
