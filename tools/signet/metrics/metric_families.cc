#include "tools/signet/metrics/metric_families.h"

#include <string>
#include <utility>

namespace signet {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

MetricFamily family(MetricType type, std::string name, std::string help) {
  return {.name = std::move(name), .help = std::move(help), .type = type, .metric = {}};
}

void add(MetricFamily& family, std::vector<ClientMetric::Label> labels, double value) {
  ClientMetric metric;
  metric.label = std::move(labels);
  (family.type == MetricType::Counter ? metric.counter.value : metric.gauge.value) = value;
  family.metric.push_back(std::move(metric));
}

void add_policy(std::vector<MetricFamily>& families, const MetricReadings::PolicyState& policy) {
  MetricFamily info =
      family(MetricType::Gauge, "signet_policy_info", "Always 1: the policy in force, by the SHA-256 of its file.");
  add(info, {{"digest", policy.digest}}, 1);
  families.push_back(std::move(info));

  MetricFamily loaded = family(MetricType::Gauge, "signet_policy_loaded_timestamp_seconds",
                               "When the policy in force was taken, in seconds since 1970.");
  add(loaded, {}, std::chrono::duration<double>(policy.loaded.time_since_epoch()).count());
  families.push_back(std::move(loaded));

  MetricFamily reloads = family(MetricType::Counter, "signet_policy_reloads_total",
                                "Changed policies that were taken, and attempts that left the one in force as it was.");
  add(reloads, {{"result", "success"}}, static_cast<double>(policy.taken));
  add(reloads, {{"result", "failure"}}, static_cast<double>(policy.not_taken));
  families.push_back(std::move(reloads));

  MetricFamily last = family(MetricType::Gauge, "signet_policy_last_reload_successful",
                             "1 while the policy file is the one in force, 0 while it cannot be taken.");
  add(last, {}, policy.last_taken ? 1 : 0);
  families.push_back(std::move(last));
}

void add_signing(std::vector<MetricFamily>& families, const MetricReadings::Signing& signing) {
  MetricFamily leader =
      family(MetricType::Gauge, "signet_leader", "1 while this replica signs: it holds the Lease, or there is none.");
  add(leader, {}, signing.leader ? 1 : 0);
  families.push_back(std::move(leader));

  MetricFamily queue =
      family(MetricType::Gauge, "signet_queue_depth", "Requests that wait for the signer or are in work.");
  add(queue, {{"state", "waiting"}}, static_cast<double>(signing.queue.waiting));
  add(queue, {{"state", "working"}}, static_cast<double>(signing.queue.working));
  families.push_back(std::move(queue));

  MetricFamily age = family(MetricType::Gauge, "signet_watch_age_seconds",
                            "Time since the API server was last heard of on the watch that is silent longest.");
  add(age, {}, signing.watch_age.count());
  families.push_back(std::move(age));

  MetricFamily unsettled = family(MetricType::Gauge, "signet_certificates_unsettled",
                                  "Certificates of which it is not known whether they were published.");
  add(unsettled, {}, static_cast<double>(signing.unsettled));
  families.push_back(std::move(unsettled));

  MetricFamily log = family(MetricType::Gauge, "signet_issuance_log_good",
                            "1 while the issuance log can be written, 0 while nothing is signed because it cannot.");
  add(log, {}, signing.is_log_good ? 1 : 0);
  families.push_back(std::move(log));
}

void add_connections(std::vector<MetricFamily>& families, const FrontCounts& counts) {
  MetricFamily now = family(MetricType::Gauge, "signet_connections", "Connections to the webhook's port, by state.");
  for (const auto& [state, count] : {std::pair("handshaking", counts.handshaking), std::pair("idle", counts.idle),
                                     std::pair("reading", counts.reading), std::pair("writing", counts.writing),
                                     std::pair("lingering", counts.lingering)}) {
    add(now, {{"state", state}}, static_cast<double>(count));
  }
  families.push_back(std::move(now));

  MetricFamily total = family(MetricType::Counter, "signet_connections_total",
                              "Connections accepted, not accepted for an error, and of the accepted ones those closed "
                              "to make room or because they were too slow.");
  for (const auto& [outcome, count] :
       {std::pair("accepted", counts.accepted), std::pair("accept_failed", counts.accept_failures),
        std::pair("closed_for_room", counts.closed_for_room), std::pair("expired", counts.expired)}) {
    add(total, {{"outcome", outcome}}, static_cast<double>(count));
  }
  families.push_back(std::move(total));
}

void add_cas(std::vector<MetricFamily>& families,
             const std::map<std::string, MetricReadings::CaReadings, std::less<>>& cas) {
  MetricFamily expiry = family(MetricType::Gauge, "signet_ca_not_after_timestamp_seconds",
                               "When the first certificate of a signer's chain expires, in seconds since 1970.");
  MetricFamily staged =
      family(MetricType::Gauge, "signet_ca_staged", "1 while another key of the signer waits to be activated, else 0.");
  MetricFamily good = family(MetricType::Gauge, "signet_ca_source_good",
                             "1 while what is found of a signer's CA can be used, 0 while an older one is in force.");
  for (const auto& [signer, ca] : cas) {
    add(expiry, {{"signer", signer}}, static_cast<double>(ca.not_after.time_since_epoch().count()));
    add(staged, {{"signer", signer}}, ca.is_staged ? 1 : 0);
    add(good, {{"signer", signer}}, ca.is_source_good ? 1 : 0);
  }
  families.push_back(std::move(expiry));
  families.push_back(std::move(staged));
  families.push_back(std::move(good));
}

}  // namespace

std::vector<MetricFamily> families_of(const MetricReadings& readings, const IssuanceRecords& issuance) {
  std::vector<MetricFamily> families;
  if (readings.policy) {
    add_policy(families, *readings.policy);
  }
  if (readings.signing) {
    add_signing(families, *readings.signing);
  }
  if (readings.connections) {
    add_connections(families, *readings.connections);
  }
  if (readings.serving_not_after) {
    MetricFamily expiry = family(MetricType::Gauge, "signet_serving_certificate_not_after_timestamp_seconds",
                                 "When the webhook's serving certificate expires, in seconds since 1970.");
    add(expiry, {}, static_cast<double>(readings.serving_not_after->time_since_epoch().count()));
    families.push_back(std::move(expiry));
  }
  MetricFamily records = family(MetricType::Counter, "signet_audit_records_total",
                                "Records of the issuance log that were written or could not be, and reviews that no "
                                "line of the review log tells of.");
  add(records, {{"log", "issuance"}, {"result", "written"}}, issuance.written);
  add(records, {{"log", "issuance"}, {"result", "failed"}}, issuance.failed);
  if (readings.reviews_dropped) {
    add(records, {{"log", "reviews"}, {"result", "dropped"}}, static_cast<double>(*readings.reviews_dropped));
  }
  families.push_back(std::move(records));

  add_cas(families, readings.cas);
  return families;
}

}  // namespace signet
