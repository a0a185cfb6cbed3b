#pragma once

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
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
    bool leader = true;       ///< it is on us to sign
    bool is_log_good = true;  ///< the issuance log can be written
  };
  struct PolicyState {
    std::string digest;                            ///< of the policy in force
    std::chrono::system_clock::time_point loaded;  ///< since when it is
    std::uint64_t taken = 0;                       ///< reloads since the start
    std::uint64_t not_taken = 0;                   ///< attempts that left the policy in force
    bool last_taken = true;                        ///< the file holds what is in force, as far as it was looked at
  };
  std::optional<PolicyState> policy;
  std::optional<Signing> signing;
  std::optional<FrontCounts> connections;
  std::optional<std::chrono::sys_seconds> serving_not_after;
  std::optional<std::uint64_t> reviews_dropped;
  struct CaReadings {
    std::chrono::sys_seconds not_after;  ///< of the CA in force
    bool is_staged = false;              ///< another key waits to be activated
    bool is_source_good = true;          ///< what is found in the CA's place can be used
  };
  std::map<std::string, CaReadings, std::less<>> cas;  ///< by signer
};

/// Counts what Signet does, for Prometheus. Every label value is ours: the kinds we review, the reason codes, the
/// signers and tenants of the policies that were in force, and "other" for what is none of them, so that no request can
/// make a time series. Safe for many threads.
class Metrics {
 public:
  Metrics(const Policy& policy, std::chrono::system_clock::time_point start);
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  /// Counts for the signers of `policy` from now on, too. What was counted for others stays.
  void add_names_of(const Policy& policy);

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
  using ByReason = std::array<prometheus::Counter*, kReasons.size()>;

  struct Reviews {
    std::string_view kind;
    prometheus::Counter* granted = nullptr;
    prometheus::Counter* patched = nullptr;
    ByReason denied{};
    ByReason would_deny{};  ///< null where the reason is always enforced
    prometheus::Counter* denied_otherwise = nullptr;
    prometheus::Histogram* duration = nullptr;
  };
  struct Certificates {
    prometheus::Counter* published = nullptr;
    prometheus::Counter* discarded = nullptr;
    prometheus::Counter* failed = nullptr;
  };

  [[nodiscard]] const Reviews& reviews_of(std::string_view kind) const;
  [[nodiscard]] Certificates certificates_of(std::string_view signer_name) const;
  [[nodiscard]] prometheus::Counter& throttled_of(std::string_view tenant) const;
  [[nodiscard]] Certificates add_certificates(const std::string& signer);

  prometheus::Registry registry_;
  std::array<Reviews, 6> reviews_;  ///< the last is "other"
  prometheus::Family<prometheus::Counter>* certificate_counters_ = nullptr;
  Certificates other_certificates_;
  prometheus::Family<prometheus::Counter>* throttled_counters_ = nullptr;
  prometheus::Counter* other_throttled_ = nullptr;
  mutable std::mutex mutex_;
  std::map<std::string, Certificates, std::less<>> certificates_;       ///< by full signerName; guarded by mutex_
  std::map<std::string, prometheus::Counter*, std::less<>> throttled_;  ///< by tenant; guarded by mutex_
  prometheus::Histogram* issuance_duration_ = nullptr;
  prometheus::Counter issuance_records_written_;
  prometheus::Counter issuance_records_failed_;
};

}  // namespace signet
