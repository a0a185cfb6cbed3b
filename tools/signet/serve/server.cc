#include "tools/signet/serve/server.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <iterator>
#include <mutex>
#include <optional>
#include <random>
#include <thread>
#include <utility>

#include "signer/audit/issuance_log.h"
#include "signer/audit/review_log.h"
#include "signer/issue/signer.h"
#include "signer/kube/backoff.h"
#include "signer/kube/kube_client.h"
#include "signer/kube/lease_keeper.h"
#include "tools/signet/command_line/command.h"
#include "tools/signet/inputs/log.h"
#include "tools/signet/metrics/counted_audit_log.h"
#include "tools/signet/metrics/metrics.h"
#include "tools/signet/metrics/metrics_server.h"
#include "tools/signet/reload/access_check.h"
#include "tools/signet/reload/ca_news.h"
#include "tools/signet/reload/ca_reload.h"
#include "tools/signet/reload/followed_namespaces.h"
#include "tools/signet/reload/policy_in_force.h"
#include "tools/signet/reload/policy_reload.h"
#include "tools/signet/serve/process_signals.h"
#include "tools/signet/serve/readiness.h"
#include "tools/signet/serve/replica_identity.h"
#include "tools/signet/serving/serving_reload.h"
#include "webhook/webhook_endpoints.h"

namespace signet {
namespace {

// The API server waits 3 s for a review, and Kubernetes 30 s for a pod to end.
constexpr std::chrono::milliseconds kDrainPatience{5000};

// A list of 50,000 namespaces takes seconds; a policy that has to wait longer is tried again.
constexpr std::chrono::milliseconds kNamespacesPatience{10000};

// Between attempts to reach the API server at start.
constexpr std::chrono::milliseconds kFirstWait{250};
constexpr std::chrono::milliseconds kLongestWait{2000};

std::chrono::sys_seconds now_seconds() {
  return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
}

double random_fraction() {
  thread_local std::mt19937_64 engine{std::random_device{}()};
  return std::uniform_real_distribution<double>(0, 1)(engine);
}

void tell_of_log(const std::string& problem) {
  if (problem.empty()) {
    log(LogLevel::kInfo, "the issuance log can be written again");
  } else {
    log(LogLevel::kError, "nothing is signed until the issuance log can be written: " + problem);
  }
}

// How an attempt of something at start ended.
enum class Attempt { kDone, kRetry, kHopeless };

// The parts of a running server. They are destroyed in the reverse of their order: what is used outlives its user.
class Server {
 public:
  Server(ServerConfig config, std::chrono::system_clock::time_point start)
      : config_(std::move(config)),
        source_{.with_keys = config_.role.signer, .directory = config_.ca_dir, .name_space = config_.ca_namespace},
        metrics_(*config_.policy, start),
        current_({.policy = config_.policy, .authorities = nullptr, .issuers = nullptr}),
        reload_(config_.policy_file, config_.policy->digest(), start, random_fraction) {}

  // Who asks the front asks about parts that go before it.
  ~Server() {
    if (front_ != nullptr) {
      front_->drain(std::chrono::milliseconds(0));
    }
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  int run();

 private:
  [[nodiscard]] std::vector<ReadinessCheck> readiness() const;
  [[nodiscard]] MetricReadings readings() const;

  // Parts that need no API server; false after the problems were told.
  bool open_logs();
  bool start_front();
  bool start_metrics();

  // Parts that do.
  Attempt introduce();
  Attempt check_access();
  Attempt keep_serving();
  Attempt load_authorities();
  Attempt know_namespaces();
  Attempt failed(const std::string& doing, const KubeError& error, bool may_pass);
  void start_signer();
  void take_part(const LeaseName& lease);
  void answer_for_a_while();
  void stop();

  // Of another policy, while everything runs.
  tl::expected<void, PolicyRefusal> bring_into_force(const std::shared_ptr<const Policy>& policy,
                                                     const std::stop_token& stop);
  // Of other CAs.
  void read_cas_again(const std::vector<std::string>& signers);
  void tell_of_cas();

  static bool hopeless(const std::vector<std::string>& problems) {
    for (const std::string& problem : problems) {
      log(LogLevel::kError, problem);
    }
    return false;
  }

  const ServerConfig config_;
  const CaSource source_;
  const ProcessSignals signals_;
  Readiness readiness_;
  std::atomic<bool> is_ending_ = false;
  Metrics metrics_;
  std::atomic<std::shared_ptr<const std::string>> self_{std::make_shared<const std::string>()};
  std::unique_ptr<HttpKubeClient> api_;
  FollowedNamespaces namespaces_;
  std::unique_ptr<IssuanceLog> issuance_log_;
  std::optional<CountedAuditLog> counted_issuance_log_;
  std::unique_ptr<ReviewLog> review_log_;
  CurrentPolicy current_;
  LeaseTerm term_;
  std::mutex change_mutex_;  ///< held by whoever changes current_
  CaNews ca_news_;           ///< guarded by change_mutex_
  std::unique_ptr<Signer> signer_;
  std::atomic<bool> is_signing_ = false;  ///< signer_ is there to stay
  std::unique_ptr<LeaseKeeper> keeper_;
  PolicyReload reload_;
  CaReload ca_reload_;
  std::unique_ptr<HttpsFront> front_;
  std::optional<ServingUpkeep> upkeep_;
  std::optional<ServingReload> serving_;  ///< there as long as front_
  std::unique_ptr<MetricsServer> metrics_server_;
};

bool Server::open_logs() {
  std::vector<std::string> problems;
  const AuditClock clock = std::chrono::system_clock::now;
  if (config_.role.signer) {
    if (auto opened = IssuanceLog::open(config_.audit_log, clock, tell_of_log)) {
      issuance_log_ = *std::move(opened);
      counted_issuance_log_.emplace(*issuance_log_, metrics_);
    } else {
      problems.push_back("--audit-log: " + opened.error());
    }
  }
  if (config_.role.webhook) {
    if (auto opened = ReviewLog::open(config_.review_log, {}, clock)) {
      review_log_ = *std::move(opened);
    } else {
      problems.push_back("--review-log: " + opened.error());
    }
  }
  return problems.empty() || hopeless(problems);
}

bool Server::start_front() {
  TlsIdentity identity = config_.tls;
  ServingLook look;
  if (config_.serving_place) {
    // Health is served from the beginning; what is shown is replaced when the Secret was read.
    auto made = new_serving_material(config_.serving_place->dns_name, now_seconds());
    if (!made) {
      return hopeless({"--serving-secret: " + made.error()});
    }
    upkeep_.emplace(*config_.serving_place, *api_, *std::move(made), random_fraction);
    identity = upkeep_->identity();
    identity.client_ca_pem = config_.tls.client_ca_pem;
    look = look_at(*upkeep_, config_.tls_files.client_ca);
  } else {
    look = look_at(config_.tls_files);
  }
  const auto period = serving_period(identity);
  if (!period) {
    return hopeless({period.error()});
  }
  serving_.emplace(std::move(look), identity, *period,
                   [this](const TlsIdentity& next) { return front_->set_identity(next); });
  WebhookWiring wiring{.basis =
                           [this] {
                             const auto now = current_.load();
                             return ReviewBasis{now->policy, now->issuers};
                           },
                       .namespaces = namespaces_.labels(),
                       .self = [this] { return *self_.load(); },
                       .record =
                           [this](const AuditRecord& record) {
                             metrics_.count_review(record);
                             review_log_->record(record);
                           },
                       .readiness = [this] { return readiness(); }};
  auto front =
      HttpsFront::start(config_.listen, identity, {}, config_.role.webhook ? webhook_routes() : health_routes(),
                        webhook_handler(std::move(wiring)));
  if (!front) {
    return hopeless({"--listen " + config_.listen + ": " + front.error()});
  }
  front_ = *std::move(front);
  serving_->start();
  log(LogLevel::kInfo, "listening", {{"address", config_.listen}, {"port", std::to_string(front_->port())}});
  return true;
}

bool Server::start_metrics() {
  auto server = MetricsServer::start(config_.metrics_listen, {}, [this] { return metrics_.text(readings()); });
  if (!server) {
    return hopeless({"--metrics-listen: " + server.error()});
  }
  metrics_server_ = *std::move(server);
  log(LogLevel::kInfo, "serving metrics", {{"port", std::to_string(metrics_server_->port())}});
  return true;
}

Attempt Server::failed(const std::string& doing, const KubeError& error, bool may_pass) {
  log(may_pass ? LogLevel::kWarning : LogLevel::kError, doing + " failed: " + error.message);
  readiness_.set("api-server", error.message);
  return may_pass ? Attempt::kRetry : Attempt::kHopeless;
}

Attempt Server::introduce() {
  const KubeResult<std::string> name = api_->who_am_i();
  if (!name) {
    // Everybody may ask that (system:basic-user): an API server that forbids it has just started and knows no roles.
    const bool knows_no_roles = name.error().kind == KubeError::Kind::kForbidden;
    return failed("asking the API server who we are", name.error(), knows_no_roles || name.error().is_transient());
  }
  self_ = std::make_shared<const std::string>(*name);
  log(LogLevel::kInfo, "known to the API server", {{"user", *name}});
  if (config_.role.signer && !config_.policy->may_issue(*name, *name)) {
    hopeless({others_issue(*name)});
    return Attempt::kHopeless;
  }
  return Attempt::kDone;
}

Attempt Server::check_access() {
  std::vector<AccessQuestion> needed = needed_permissions(*config_.policy, config_.role.signer);
  if (config_.lease) {
    std::ranges::move(lease_permissions(config_.lease->name_space, config_.lease->name), std::back_inserter(needed));
  }
  if (config_.serving_place) {
    std::ranges::move(serving_permissions(*config_.serving_place), std::back_inserter(needed));
  }
  const KubeResult<std::vector<std::string>> missing = missing_permissions(*api_, *self_.load(), needed);
  if (!missing) {
    return failed("asking the API server what we may do", missing.error(), missing.error().is_transient());
  }
  return missing->empty() || hopeless(*missing) ? Attempt::kDone : Attempt::kHopeless;
}

Attempt Server::keep_serving() {
  if (upkeep_) {
    upkeep_->start();
  }
  return Attempt::kDone;
}

Attempt Server::load_authorities() {
  auto loaded = with_authorities(config_.policy, source_, *api_, now_seconds());
  if (loaded) {
    const std::lock_guard lock(change_mutex_);
    current_.store(*std::move(loaded));
    readiness_.set("ca", "");
    tell_of_cas();
    return Attempt::kDone;
  }
  hopeless(loaded.error().problems);
  return loaded.error().transient ? Attempt::kRetry : Attempt::kHopeless;
}

// Before anything is signed: a request that is refused for a namespace that is not known is not asked again.
Attempt Server::know_namespaces() {
  if (!config_.policy->tenancy().asks_labels()) {
    return Attempt::kDone;
  }
  namespaces_.follow(*api_, random_fraction);
  return namespaces_.wait_for_all(kFirstWait) ? Attempt::kDone : Attempt::kRetry;
}

void Server::start_signer() {
  CsrWatcherOptions watch;
  watch.signers = signer_names_of(*config_.policy);
  watch.pacing.random = random_fraction;
  signer_ = std::make_unique<Signer>(SignerConfig{
      .api = *api_,
      .audit = *counted_issuance_log_,
      .basis =
          [this] {
            const auto now = current_.load();
            return SigningBasis{now->policy, now->authorities};
          },
      .namespaces = namespaces_.labels(),
      .now = now_seconds,
      .self = *self_.load(),
      .watch = std::move(watch),
      .queue = {.random = random_fraction},
      .may_sign = config_.lease ? [this] { return term_.is_running(); } : std::function<bool()>(),
      .clock_lead = [this](auto now, auto tick) { return api_->server_clock().lead_of(now, tick); },
      .on_problem = [](const std::string& message) { log(LogLevel::kWarning, message); },
      .on_result =
          [this](const CertificateSigningRequest& csr, const ReconcileResult& result, auto pending) {
            metrics_.count_reconcile(csr.spec.signer_name, result, pending);
            if (result.outcome == ReconcileResult::Outcome::kPublished) {
              log(LogLevel::kDebug, "published a certificate", {{"csr", csr.name}, {"signer", csr.spec.signer_name}});
            }
          },
  });
  is_signing_ = true;
  if (config_.lease) {
    take_part(*config_.lease);
  } else {
    log(LogLevel::kInfo, "signing", {{"policy", config_.policy->digest()}});
  }
}

void Server::take_part(const LeaseName& lease) {
  const std::string identity = replica_identity();
  log(LogLevel::kInfo, "waiting for the Lease to sign",
      {{"lease", lease.name_space + "/" + lease.name}, {"identity", identity}});
  keeper_ = std::make_unique<LeaseKeeper>(LeaseKeeperConfig{
      .api = *api_,
      .term = term_,
      .name_space = lease.name_space,
      .name = lease.name,
      .identity = identity,
      .timing = {},
      .stands_aside = [this] { return !issuance_log_->problem().empty(); },
      .on_change =
          [this](bool held) {
            if (held) {
              signer_->take_up();
              log(LogLevel::kInfo, "signing", {{"policy", current_.load()->policy->digest()}});
            } else {
              signer_->lay_down();
              log(LogLevel::kWarning,
                  issuance_log_->problem().empty()
                      ? "not signing any more: the Lease was not renewed in time"
                      : "not signing any more: the Lease is another's until the log can be written");
            }
          },
      .on_problem = [](const std::string& message) { log(LogLevel::kWarning, message); },
  });
}

tl::expected<void, PolicyRefusal> Server::bring_into_force(const std::shared_ptr<const Policy>& policy,
                                                           const std::stop_token& stop) {
  const std::lock_guard lock(change_mutex_);
  const std::shared_ptr<const PolicyInForce> before = current_.load();
  auto next = successor_of(
      *before, policy, {.source = source_, .api = *api_, .self = *self_.load(), .now = now_seconds(), .stop = stop});
  if (!next) {
    return tl::unexpected(std::move(next.error()));
  }
  if (policy->tenancy().asks_labels()) {
    namespaces_.follow(*api_, random_fraction);
    if (!namespaces_.wait_for_all(kNamespacesPatience, stop)) {
      return tl::unexpected(PolicyRefusal{.problems = {namespaces_.problem()}, .may_pass = true});
    }
  }
  metrics_.add_names_of(*policy);
  current_.store(*std::move(next));
  tell_of_cas();
  // Not earlier: what is seen of a signer must be judged by a policy that has it.
  if (signer_ != nullptr && signer_names_of(*before->policy) != signer_names_of(*policy)) {
    signer_->follow(signer_names_of(*policy));
  }
  return {};
}

void Server::read_cas_again(const std::vector<std::string>& signers) {
  const std::lock_guard lock(change_mutex_);
  current_.store(with_cas_read_again(*current_.load(), signers, source_, *api_, now_seconds()));
  tell_of_cas();
}

void Server::tell_of_cas() {
  for (const CaNews::Item& item : ca_news_.tell(*current_.load()->cas, now_seconds())) {
    log(item.level, item.text, {{"signer", item.signer}});
  }
}

void Server::stop() {
  log(LogLevel::kInfo, "stopping");
  is_ending_ = true;
  reload_.request_stop();
  ca_reload_.request_stop();
  if (upkeep_) {
    upkeep_->request_stop();
  }
  if (serving_) {
    serving_->request_stop();
  }
  {
    // Another replica may sign as soon as this one does not: that waits for no reviews, nor they for it.
    const std::jthread handing_over([this] {
      if (signer_ != nullptr) {
        signer_->stop();
      }
      keeper_.reset();
    });
    if (front_ != nullptr) {
      answer_for_a_while();
      front_->drain(kDrainPatience);
    }
  }
  namespaces_.stop();
  if (review_log_ != nullptr) {
    review_log_->stop();
  }
}

// Who is told of another server by /readyz may still come here until he has heard of it.
void Server::answer_for_a_while() {
  if (config_.shutdown_delay.count() > 0) {
    front_->retire();
    static_cast<void>(signals_.is_ended_within(config_.shutdown_delay));
  }
}

std::vector<ReadinessCheck> Server::readiness() const {
  // A policy that cannot be used has ended the process before anything was served; later the last good one stays.
  const char* const note = reload_.state().last_taken ? "" : "the file is not the policy in force; the log says why";
  std::vector<ReadinessCheck> checks = {{.name = "policy", .problem = "", .note = note}};
  std::ranges::move(readiness_.checks(), std::back_inserter(checks));
  if (upkeep_) {
    checks.push_back(upkeep_->check());
  }
  if (serving_) {
    checks.push_back(serving_check(serving_->state(), now_seconds()));
  }
  if (const auto ca = std::ranges::find(checks, "ca", &ReadinessCheck::name); ca->problem.empty()) {
    ca->note = note_on(*current_.load()->cas, now_seconds());
  }
  checks.push_back({"namespaces", namespaces_.problem()});
  if (config_.role.signer) {
    const bool synced = is_signing_ && signer_->synced();
    const std::string problem = issuance_log_->problem();
    const std::string told = problem.empty() ? "" : "nothing is signed until it can be written: " + problem;
    // Whoever answers reviews goes on with that, and must be asked.
    checks.push_back(config_.role.webhook ? ReadinessCheck{.name = "issuance-log", .problem = "", .note = told}
                                          : ReadinessCheck{.name = "issuance-log", .problem = told});
    checks.push_back({"requests", synced ? "" : "the list of CertificateSigningRequests is not complete yet"});
  }
  if (is_ending_) {
    checks.push_back({"shutdown", "the process is about to end"});
  }
  return checks;
}

MetricReadings Server::readings() const {
  MetricReadings readings;
  readings.policy = reload_.state();
  if (is_signing_) {
    readings.signing = MetricReadings::Signing{.queue = signer_->depth(),
                                               .watch_age = CsrWatcher::Clock::now() - signer_->last_activity(),
                                               .unsettled = signer_->unsettled(),
                                               .leader = !config_.lease || term_.is_running(),
                                               .is_log_good = issuance_log_->problem().empty()};
  }
  if (front_ != nullptr) {
    readings.connections = front_->counts();
    readings.serving_not_after = serving_->state().period.not_after;
  }
  if (review_log_ != nullptr) {
    readings.reviews_dropped = review_log_->dropped();
  }
  if (const std::shared_ptr<const CaStates> cas = current_.load()->cas) {
    for (const auto& [signer, state] : *cas) {
      readings.cas.emplace(signer, MetricReadings::CaReadings{.not_after = state.in_force.chain->not_after(),
                                                              .is_staged = state.staged != nullptr,
                                                              .is_source_good = state.problems.empty()});
    }
  }
  return readings;
}

int Server::run() {
  auto client = HttpKubeClient::create(config_.access);
  if (!client) {
    hopeless({client.error()});
    return kExitUsage;
  }
  api_ = *std::move(client);
  if (!open_logs() || (!config_.ca_dir.empty() && load_authorities() != Attempt::kDone) ||
      ((config_.serving_place || !config_.tls.key_pem.empty()) && !start_front()) ||
      (!config_.metrics_listen.empty() && !start_metrics())) {
    return kExitUsage;
  }
  std::vector<Attempt (Server::*)()> steps = {&Server::introduce, &Server::check_access, &Server::keep_serving};
  if (!config_.ca_namespace.empty()) {
    steps.push_back(&Server::load_authorities);
  }
  steps.push_back(&Server::know_namespaces);
  Backoff backoff(kFirstWait, kLongestWait, random_fraction);
  for (auto step = steps.begin(); step != steps.end();) {
    switch ((this->**step)()) {
      case Attempt::kDone:
        ++step;
        backoff.reset();
        break;
      case Attempt::kHopeless:
        return kExitUsage;
      case Attempt::kRetry:
        if (signals_.is_ended_within(backoff.next())) {
          stop();
          return kExitYes;
        }
    }
  }
  readiness_.set("api-server", "");
  if (config_.role.signer) {
    start_signer();
  }
  reload_.start([this](const auto& policy, const auto& stop) { return bring_into_force(policy, stop); });
  ca_reload_.start(
      source_, *api_, [this] { return current_.load()->cas; },
      [this](const std::vector<std::string>& signers) { read_cas_again(signers); });
  while (signals_.wait() == ProcessSignals::Signal::kReload) {
    reload_.read_now();
    if (serving_) {
      serving_->read_now();
    }
    ca_reload_.read_now();
  }
  stop();
  return kExitYes;
}

}  // namespace

int run_server(ServerConfig config) { return Server(std::move(config), std::chrono::system_clock::now()).run(); }

}  // namespace signet
