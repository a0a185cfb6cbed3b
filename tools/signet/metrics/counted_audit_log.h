#pragma once

#include <string>
#include <tl/expected.hpp>

#include "signer/audit/audit_log.h"
#include "tools/signet/metrics/metrics.h"

namespace signet {

/// An audit log that counts what another one is given. Both must outlive it.
class CountedAuditLog final : public AuditLog {
 public:
  CountedAuditLog(AuditLog& log, Metrics& metrics) : log_(log), metrics_(metrics) {}

  [[nodiscard]] tl::expected<void, std::string> append(const AuditRecord& record) override {
    auto appended = log_.append(record);
    metrics_.count_issuance_record(record, appended.has_value());
    return appended;
  }
  /// Counts as written: what the log keeps for later stands in it before anything else does.
  void append_eventually(const AuditRecord& record) override {
    log_.append_eventually(record);
    metrics_.count_issuance_record(record, true);
  }
  [[nodiscard]] std::string problem() const override { return log_.problem(); }

 private:
  AuditLog& log_;
  Metrics& metrics_;
};

}  // namespace signet
