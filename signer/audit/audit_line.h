#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "policy/audit_record.h"
#include "signer/kube/json.h"

namespace signet {

// A line of an audit log is one JSON object without white space:
//
//   {"time":"2026-11-23T10:00:00.000001Z","seq":7,"event":"issued",…,"prev":"<64 hex>","hash":"<64 hex>"}
//
// `seq` counts the lines of the chain from 1. `prev` is the `hash` of the line before, 64 zeros in the chain's first.
// `hash` is the SHA-256, in lower-case hexadecimal, of the line's bytes with the hash member taken out: of everything
// before `,"hash":"`, closed with `}`. By hand, for a line without its newline:
//
//   printf %s "$line" | sed -E 's/,"hash":"[0-9a-f]{64}"\}$/}/' | sha256sum

/// A text of a record is cut to this many bytes, and says so: names and messages are shorter, and a stranger's request
/// decides how long they are.
inline constexpr std::size_t kMaxAuditTextBytes = 4096;
static_assert(kMaxRecordedTextBytes <= kMaxAuditTextBytes, "what a request shares with its record must not be cut");

/// `text` if it is short enough, else its beginning and its length.
[[nodiscard]] std::string clip_audit_text(std::string_view text);

/// No line is longer: a record has fewer than 20 texts beside its request, and a byte is at most six in JSON.
inline constexpr std::size_t kMaxAuditLineBytes = 6 * (20 * kMaxAuditTextBytes + kMaxRecordedRequestBytes);

/// What reading a line may cost: every text of a recorded request has its place in it, names one each.
inline constexpr JsonLimits kAuditLineLimits = {
    .max_bytes = kMaxAuditLineBytes,
    .max_depth = 8,
    .max_values = 100 + 2 * kMaxRecordedRequestBytes / kRecordedTextCost,
};

/// Where the audit logs' times come from.
using AuditClock = std::function<std::chrono::system_clock::time_point()>;

/// The members of a line that are the record's: `"event":"issued","decision":"granted",…`. What is empty is left out.
/// `count`: how many equal records this one stands for; left out for 1.
[[nodiscard]] std::string audit_members(const AuditRecord& record, std::uint64_t count = 1);

/// What was found where the chain's next line should stand: bytes of lines that were never finished.
struct TornTail {
  std::size_t bytes = 0;
  std::string sha256;

  friend bool operator==(const TornTail&, const TornTail&) = default;
};

/// The two logs. Both may go to standard output; their `start` lines say which chain they begin, and no other event is
/// in both.
enum class AuditStream {
  kIssuance,  ///< a line counts when the disk has it (fdatasync); on standard output, when it is written
  kReviews,   ///< a line counts when the kernel has it
};

/// The members of the line that begins a chain, or that goes on after `torn`.
[[nodiscard]] std::string start_members(AuditStream stream, const std::optional<TornTail>& torn);

/// The members of the line that says how many records were not written.
[[nodiscard]] std::string dropped_members(std::uint64_t count);

/// The end of a chain.
struct ChainHead {
  std::uint64_t seq = 0;
  std::string hash = std::string(64, '0');

  friend bool operator==(const ChainHead&, const ChainHead&) = default;
};

/// The line, newline included, that follows `head`; `head` is then that line.
[[nodiscard]] std::string seal_line(std::string_view members, std::chrono::system_clock::time_point time,
                                    ChainHead& head);

/// A line as far as the chain goes.
struct SealedLine {
  std::uint64_t seq = 0;
  std::string event;
  std::string prev;
  std::string hash;
  std::optional<TornTail> torn;
};

/// Reads a line (without its newline) and verifies its own hash; fails with what is wrong with it.
[[nodiscard]] tl::expected<SealedLine, std::string> read_line(std::string_view line);

}  // namespace signet
