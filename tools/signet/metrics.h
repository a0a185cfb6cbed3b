#pragma once

#include <prometheus/counter.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "policy/audit_record.h"
#include "policy/policy.h"
#include "signer/issue/reconcile.h"
#include "signer/issue/signing_queue.h"
#include "webhook/front_counts.h"

namespace signet {

/// What is read at the moment of a scrape. What is absent is left out of the answer.
struct MetricReadings {
  struct Signing {
    SigningQueue::Depth queue;
    std::chrono::duration<double> watch_age;
    std::size_t unsettled = 0;
  };
  std::optional<Signing> signing;
  std::optional<FrontCounts> connections;
  std::optional<std::uint64_t> reviews_dropped;
  std::map<std::string, std::chrono::sys_seconds, std::less<>> ca_not_after;  ///< by signer
};

/// Counts what Signet does, for Prometheus. Every label value is known from the start: the kinds we review, the reason
/// codes, the policy's signers, and "other" for what is none of them, so that no request can make a time series.
/// Safe for many threads.
class Metrics {
 public:
  Metrics(const Policy& policy, std::chrono::system_clock::time_point start);
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  /// A review was answered.
  void count_review(const AuditRecord& record);
  /// The issuance log was given `record`, and has `written` it.
  void count_issuance_record(const AuditRecord& record, bool written);
  /// A request for `signer_name` was looked at, `pending` after it was first seen in this state.
  void count_reconcile(std::string_view signer_name, const ReconcileResult& result,
                       std::chrono::duration<double> pending);

  /// Everything, in Prometheus' text format 0.0.4.
  [[nodiscard]] std::string text(const MetricReadings& readings) const;

 private:
  static constexpr std::size_t kReasons = static_cast<std::size_t>(Reason::kCertificateNotAllowed) + 1;

  struct Reviews {
    std::string_view kind;
    prometheus::Counter* granted = nullptr;
    prometheus::Counter* patched = nullptr;
    std::array<prometheus::Counter*, kReasons> denied{};  ///< by reason
    prometheus::Counter* denied_otherwise = nullptr;
    prometheus::Histogram* duration = nullptr;
  };
  struct Certificates {
    prometheus::Counter* published = nullptr;
    prometheus::Counter* discarded = nullptr;
    prometheus::Counter* failed = nullptr;
  };

  [[nodiscard]] const Reviews& reviews_of(std::string_view kind) const;
  [[nodiscard]] const Certificates& certificates_of(std::string_view signer_name) const;

  prometheus::Registry registry_;
  std::array<Reviews, 6> reviews_;                                 ///< the last is "other"
  std::map<std::string, Certificates, std::less<>> certificates_;  ///< by full signerName
  Certificates other_certificates_;
  prometheus::Histogram* issuance_duration_ = nullptr;
  prometheus::Counter issuance_records_written_;
  prometheus::Counter issuance_records_failed_;
};

}  // namespace signet
