#pragma once

#include <string>
#include <vector>

#include "signer/audit/verify_logs.h"

namespace signet {

/// What `signet audit verify` tells.
struct AuditVerifyReport {
  std::vector<std::string> files;  ///< what the logs are called, in their order
  VerifiedLogs verified;
};

/// For people.
[[nodiscard]] std::string to_text(const AuditVerifyReport& report);
[[nodiscard]] std::string to_json(const AuditVerifyReport& report);

}  // namespace signet
