#include "tools/signet/metrics/metrics.h"

#include <prometheus/gauge.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <iterator>
#include <sstream>
#include <utility>
#include <vector>

#include "tools/signet/metrics/metric_families.h"

namespace signet {
namespace {

constexpr std::string_view kOther = "other";
constexpr std::array kKinds = {
    std::string_view("CertificateSigningRequest"), std::string_view("ProxyConfig"), std::string_view("Pod"),
    std::string_view("CertificateRequest"),        std::string_view("Namespace"),   kOther};

// Seconds. A review is some 0.1 ms of work, and the API server gives up after a few seconds.
const prometheus::Histogram::BucketBoundaries kReviewBuckets = {0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025,
                                                                0.005,   0.01,   0.025,   0.1,    1};
// Seconds. A certificate is some milliseconds of waiting for disk and API server; istiod waits a minute for it.
const prometheus::Histogram::BucketBoundaries kIssuanceBuckets = {0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5,
                                                                  1,     2.5,  5,     10,   30,  60};

std::string_view kind_of(const AuditRecord& record) {
  return record.object.empty() ? kKinds.front() : std::string_view(record.object).substr(0, record.object.find(' '));
}

}  // namespace

Metrics::Metrics(const Policy& policy, std::chrono::system_clock::time_point start) {
  auto& reviews =
      prometheus::BuildCounter()
          .Name("signet_reviews_total")
          .Help("Admission reviews of what the policy governs, by the first reason of what was denied, or would be.")
          .Register(registry_);
  auto& durations = prometheus::BuildHistogram()
                        .Name("signet_review_duration_seconds")
                        .Help("Time to answer such a review, from the complete request on.")
                        .Register(registry_);
  for (std::size_t i = 0; i < kKinds.size(); ++i) {
    const std::string kind(kKinds[i]);
    const auto counter = [&](const char* decision, std::string_view reason) {
      return &reviews.Add({{"kind", kind}, {"decision", decision}, {"reason", std::string(reason)}});
    };
    Reviews& row = reviews_[i];
    row.kind = kKinds[i];
    row.granted = counter("granted", "");
    row.patched = counter("patched", "");
    for (const Reason reason : kReasons) {
      const auto index = static_cast<std::size_t>(reason);
      row.denied[index] = counter("denied", to_string(reason));
      row.would_deny[index] = can_be_relaxed(reason) ? counter("would-deny", to_string(reason)) : nullptr;
    }
    row.denied_otherwise = counter("denied", kOther);
    row.duration = &durations.Add({{"kind", kind}}, kReviewBuckets);
  }

  certificate_counters_ =
      &prometheus::BuildCounter()
           .Name("signet_certificates_total")
           .Help("Certificates published, or issued and discarded, and requests that were given the condition Failed.")
           .Register(registry_);
  throttled_counters_ =
      &prometheus::BuildCounter()
           .Name("signet_throttled_total")
           .Help("Times that a request was looked at and waited on, for its tenant's quota was used up.")
           .Register(registry_);
  add_names_of(policy);
  other_certificates_ = add_certificates(std::string(kOther));
  other_throttled_ = &throttled_counters_->Add({{"tenant", std::string(kOther)}});
  issuance_duration_ = &prometheus::BuildHistogram()
                            .Name("signet_issuance_duration_seconds")
                            .Help("Time from when the approved request was seen to when its certificate was published.")
                            .Register(registry_)
                            .Add({}, kIssuanceBuckets);

  prometheus::BuildGauge()
      .Name("signet_build_info")
      .Help("Always 1.")
      .Register(registry_)
      .Add({{"version", SIGNET_VERSION}})
      .Set(1);
  prometheus::BuildGauge()
      .Name("process_start_time_seconds")
      .Help("When this process began to serve, in seconds since 1970.")
      .Register(registry_)
      .Add({})
      .Set(std::chrono::duration<double>(start.time_since_epoch()).count());
}

const Metrics::Reviews& Metrics::reviews_of(std::string_view kind) const {
  const auto row = std::ranges::find(reviews_, kind, &Reviews::kind);
  return row == reviews_.end() ? reviews_.back() : *row;
}

Metrics::Certificates Metrics::add_certificates(const std::string& signer) {
  const auto with_result = [&](const char* result) {
    return &certificate_counters_->Add({{"signer", signer}, {"result", result}});
  };
  return {with_result("published"), with_result("discarded"), with_result("failed")};
}

void Metrics::add_names_of(const Policy& policy) {
  const std::lock_guard lock(mutex_);
  for (const std::string& signer : policy.signers()) {
    certificates_.try_emplace(policy.signer_name(signer), add_certificates(signer));
  }
  for (const PolicyModel::Tenant& tenant : policy.model().tenants) {
    throttled_.try_emplace(tenant.name, &throttled_counters_->Add({{"tenant", tenant.name}}));
  }
}

prometheus::Counter& Metrics::throttled_of(std::string_view tenant) const {
  const std::lock_guard lock(mutex_);
  const auto counter = throttled_.find(tenant);
  return *(counter == throttled_.end() ? other_throttled_ : counter->second);
}

Metrics::Certificates Metrics::certificates_of(std::string_view signer_name) const {
  const std::lock_guard lock(mutex_);
  const auto row = certificates_.find(signer_name);
  return row == certificates_.end() ? other_certificates_ : row->second;
}

void Metrics::count_review(const AuditRecord& record) {
  const Reviews& row = reviews_of(kind_of(record));
  if (record.decision == "granted") {
    row.granted->Increment();
  } else if (record.decision == "patched") {
    row.patched->Increment();
  } else {
    const std::optional<Reason> reason = reason_named(record.reason);
    const ByReason& counters = record.decision == "would-deny" ? row.would_deny : row.denied;
    prometheus::Counter* const counter = reason ? counters[static_cast<std::size_t>(*reason)] : nullptr;
    (counter == nullptr ? row.denied_otherwise : counter)->Increment();
  }
  if (record.duration) {
    row.duration->Observe(std::chrono::duration<double>(*record.duration).count());
  }
}

void Metrics::count_issuance_record(const AuditRecord& record, bool written) {
  (written ? issuance_records_written_ : issuance_records_failed_).Increment();
  if (record.event == AuditRecord::Event::kPublished) {
    certificates_of(record.signer_granted).published->Increment();
  } else if (record.event == AuditRecord::Event::kDiscarded) {
    certificates_of(record.signer_granted).discarded->Increment();
  }
}

void Metrics::count_reconcile(std::string_view signer_name, const ReconcileResult& result,
                              std::chrono::duration<double> pending) {
  if (result.outcome == ReconcileResult::Outcome::kPublished) {
    issuance_duration_->Observe(pending.count());
  } else if (result.outcome == ReconcileResult::Outcome::kFailed) {
    certificates_of(signer_name).failed->Increment();
  } else if (result.throttled) {
    throttled_of(result.throttled->tenant).Increment();
  }
}

std::string Metrics::text(const MetricReadings& readings) const {
  std::vector<prometheus::MetricFamily> families = registry_.Collect();
  std::ranges::move(
      families_of(readings, {.written = issuance_records_written_.Value(), .failed = issuance_records_failed_.Value()}),
      std::back_inserter(families));
  std::ostringstream out;
  prometheus::TextSerializer().Serialize(out, families);
  return std::move(out).str();
}

}  // namespace signet
