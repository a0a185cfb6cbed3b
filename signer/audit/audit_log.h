#pragma once

#include <string>
#include <tl/expected.hpp>

#include "policy/audit_record.h"

namespace signet {

/// Where the issuing of certificates is told. Safe for many threads.
class AuditLog {
 public:
  virtual ~AuditLog() = default;

  /// Returns when the record is durable, or with why it is not: then it does not stand in the log, and what it would
  /// have told must not happen.
  [[nodiscard]] virtual tl::expected<void, std::string> append(const AuditRecord& record) = 0;

  /// For what has happened already. The record stands in the log before any that comes after it, and is durable when
  /// the next that append() took is, or the log is closed; one that cannot be written is kept and tried again then.
  virtual void append_eventually(const AuditRecord& record) = 0;

  /// Why no record can be written now, as far as is known; empty: nothing is known that hinders.
  [[nodiscard]] virtual std::string problem() const = 0;
};

}  // namespace signet
