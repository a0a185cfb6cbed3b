#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "policy/audit_record.h"

namespace signet {

/// A line of an audit log, for what it tells.
struct ReadRecord {
  std::string time;   ///< as it stands, RFC 3339 in UTC
  std::string event;  ///< of a record, or what a log says of itself: "start", "dropped"; empty: no audit log's line
  std::uint64_t count = 1;
  /// Of a record: which request, what was asked, of whom and by whom, what was decided, and under which policy. The
  /// facts of its request are whole, its certificate has no times. The rest is not read.
  AuditRecord record;
};

/// Reads a line (without its newline); whether it is as it was written is for read_line (audit_line.h) to say. Members
/// that are not known are ignored, except in a request. An error says what is wrong with the line.
[[nodiscard]] tl::expected<ReadRecord, std::string> read_record(std::string_view line);

}  // namespace signet
