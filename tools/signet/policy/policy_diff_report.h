#pragma once

#include <string>

#include "tools/signet/inputs/audit_replay.h"

namespace signet {

/// What a change of a policy would do to the requests of a log.
struct PolicyDiffReport {
  struct File {
    std::string path;
    std::string digest;  ///< of a policy
  };
  File before;
  File after;
  std::string audit;  ///< its file
  AuditReplay replay;
};

/// A table for people, and what could not be told.
[[nodiscard]] std::string to_text(const PolicyDiffReport& report);
[[nodiscard]] std::string to_json(const PolicyDiffReport& report);

/// What the log holds beside the records that were replayed, one sort a line; empty where it is nothing.
[[nodiscard]] std::string notes_of(const PolicyDiffReport& report);

}  // namespace signet
