#include "tools/signet/server.h"

#include <atomic>
#include <chrono>
#include <csignal>
#include <ctime>
#include <mutex>
#include <optional>
#include <random>
#include <utility>

#include "signer/audit/issuance_log.h"
#include "signer/audit/review_log.h"
#include "signer/issue/ca_store.h"
#include "signer/issue/signer.h"
#include "signer/kube/backoff.h"
#include "signer/kube/kube_client.h"
#include "signer/trust/trust_store.h"
#include "tools/signet/access_check.h"
#include "tools/signet/command.h"
#include "tools/signet/counted_audit_log.h"
#include "tools/signet/log.h"
#include "tools/signet/metrics.h"
#include "tools/signet/metrics_server.h"
#include "webhook/webhook_endpoints.h"

namespace signet {
namespace {

// The API server waits 3 s for a review, and Kubernetes 30 s for a pod to end.
constexpr std::chrono::milliseconds kDrainPatience{5000};

// Between attempts to reach the API server at start.
constexpr std::chrono::milliseconds kFirstWait{250};
constexpr std::chrono::milliseconds kLongestWait{5000};

std::chrono::sys_seconds now_seconds() {
  return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
}

double random_fraction() {
  thread_local std::mt19937_64 engine{std::random_device{}()};
  return std::uniform_real_distribution<double>(0, 1)(engine);
}

// SIGTERM and SIGINT: blocked in every thread, and taken by the main thread where it waits.
class TerminationSignals {
 public:
  TerminationSignals() {
    sigemptyset(&set_);
    sigaddset(&set_, SIGTERM);
    sigaddset(&set_, SIGINT);
    pthread_sigmask(SIG_BLOCK, &set_, nullptr);
  }

  void wait() const {
    int signal = 0;
    while (sigwait(&set_, &signal) != 0) {
    }
  }

  /// True when a signal came, false after `duration`.
  [[nodiscard]] bool wait_for(std::chrono::milliseconds duration) const {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(duration);
    const timespec timeout{.tv_sec = seconds.count(), .tv_nsec = std::chrono::nanoseconds(duration - seconds).count()};
    return sigtimedwait(&set_, nullptr, &timeout) > 0;
  }

 private:
  sigset_t set_{};
};

// What /readyz tells, by name; each part reports its own.
class Readiness {
 public:
  /// An empty `problem`: in order.
  void set(std::string_view name, std::string problem) {
    const std::lock_guard lock(mutex_);
    for (ReadinessCheck& check : checks_) {
      if (check.name == name) {
        check.problem = std::move(problem);
      }
    }
  }

  [[nodiscard]] std::vector<ReadinessCheck> checks() const {
    const std::lock_guard lock(mutex_);
    return checks_;
  }

 private:
  mutable std::mutex mutex_;
  /// Guarded by mutex_. A policy that cannot be used has ended the process before anything is served.
  std::vector<ReadinessCheck> checks_ = {{"policy", ""}, {"ca", "not loaded yet"}, {"api-server", "not reached yet"}};
};

// How an attempt of something at start ended.
enum class Attempt { kDone, kRetry, kHopeless };

// The parts of a running server. They are destroyed in the reverse of their order: what is used outlives its user.
class Server {
 public:
  explicit Server(ServerConfig config)
      : config_(std::move(config)), metrics_(*config_.policy, std::chrono::system_clock::now()) {}

  int run();

 private:
  [[nodiscard]] std::vector<ReadinessCheck> readiness() const;
  [[nodiscard]] MetricReadings readings() const;

  // Parts that need no API server; false after the problems were told.
  bool open_logs();
  bool load_directory();
  bool start_front();
  bool start_metrics();

  // Parts that do.
  Attempt introduce();
  Attempt check_access();
  Attempt load_secrets();
  Attempt failed(const std::string& doing, const KubeError& error);
  void start_signer();
  void stop();

  static bool hopeless(const std::vector<std::string>& problems) {
    for (const std::string& problem : problems) {
      log(LogLevel::kError, problem);
    }
    return false;
  }

  const ServerConfig config_;
  const TerminationSignals signals_;
  Readiness readiness_;
  Metrics metrics_;
  std::atomic<std::shared_ptr<const std::string>> self_{std::make_shared<const std::string>()};
  KnownNamespaces namespaces_;
  std::unique_ptr<KubeApi> api_;
  std::unique_ptr<IssuanceLog> issuance_log_;
  std::optional<CountedAuditLog> counted_issuance_log_;
  std::unique_ptr<ReviewLog> review_log_;
  std::shared_ptr<const CaStore> authorities_;
  std::atomic<std::shared_ptr<const TrustStore>> issuers_;
  std::unique_ptr<Signer> signer_;
  std::atomic<bool> is_signing_ = false;  ///< signer_ is there to stay
  std::unique_ptr<HttpsFront> front_;
  std::unique_ptr<MetricsServer> metrics_server_;
};

bool Server::open_logs() {
  std::vector<std::string> problems;
  const AuditClock clock = std::chrono::system_clock::now;
  if (config_.role.signer) {
    if (auto opened = IssuanceLog::open(config_.audit_log, clock)) {
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

bool Server::load_directory() {
  const std::vector<std::string>& signers = config_.policy->signers();
  if (config_.role.signer) {
    auto authorities = CaStore::load_from_directory(config_.ca_dir, signers, now_seconds());
    if (!authorities) {
      return hopeless(authorities.error().problems);
    }
    authorities_ = std::make_shared<const CaStore>(*std::move(authorities));
    issuers_ = authorities_->trust();
  } else {
    auto issuers = TrustStore::load_from_directory(config_.ca_dir, signers);
    if (!issuers) {
      return hopeless(issuers.error());
    }
    if (const std::vector<std::string> problems = issuers->isolation_problems(); !problems.empty()) {
      return hopeless(problems);
    }
    issuers_ = std::make_shared<const TrustStore>(*std::move(issuers));
  }
  readiness_.set("ca", "");
  return true;
}

bool Server::start_front() {
  WebhookWiring wiring{.policy = [this] { return config_.policy; },
                       .namespaces = namespaces_,
                       .issuers = [this] { return issuers_.load(); },
                       .self = [this] { return *self_.load(); },
                       .record =
                           [this](const AuditRecord& record) {
                             metrics_.count_review(record);
                             review_log_->record(record);
                           },
                       .readiness = [this] { return readiness(); }};
  auto front =
      HttpsFront::start(config_.listen, config_.tls, {}, config_.role.webhook ? webhook_routes() : health_routes(),
                        webhook_handler(std::move(wiring)));
  if (!front) {
    return hopeless({"--listen " + config_.listen + ": " + front.error()});
  }
  front_ = *std::move(front);
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

Attempt Server::failed(const std::string& doing, const KubeError& error) {
  const bool hopeless_error = !error.is_transient() && error.kind != KubeError::Kind::kUnauthorized;
  log(hopeless_error ? LogLevel::kError : LogLevel::kWarning, doing + " failed: " + error.message);
  readiness_.set("api-server", error.message);
  return hopeless_error ? Attempt::kHopeless : Attempt::kRetry;
}

Attempt Server::introduce() {
  const KubeResult<std::string> name = api_->who_am_i();
  if (!name) {
    return failed("asking the API server who we are", name.error());
  }
  self_ = std::make_shared<const std::string>(*name);
  log(LogLevel::kInfo, "known to the API server", {{"user", *name}});
  if (config_.role.signer && !config_.policy->may_issue(*name, *name)) {
    hopeless({"the policy's issuers do not name " + *name +
              ": somebody else signs for these signers; guard them with --role webhook"});
    return Attempt::kHopeless;
  }
  return Attempt::kDone;
}

Attempt Server::check_access() {
  const KubeResult<std::vector<std::string>> missing = missing_permissions(*api_, *config_.policy, config_.role);
  if (!missing) {
    return failed("asking the API server what we may do", missing.error());
  }
  for (const std::string& permission : *missing) {
    log(LogLevel::kError, *self_.load() + " " + permission + "; a ClusterRole must grant it");
  }
  return missing->empty() ? Attempt::kDone : Attempt::kHopeless;
}

Attempt Server::load_secrets() {
  std::map<std::string, std::string> secret_names;
  for (const std::string& signer : config_.policy->signers()) {
    secret_names.emplace(signer, config_.policy->secret_name(signer));
  }
  auto authorities = CaStore::load_from_secrets(*api_, config_.ca_namespace, secret_names, now_seconds());
  if (authorities) {
    authorities_ = std::make_shared<const CaStore>(*std::move(authorities));
    issuers_ = authorities_->trust();
    readiness_.set("ca", "");
    return Attempt::kDone;
  }
  hopeless(authorities.error().problems);
  return authorities.error().transient ? Attempt::kRetry : Attempt::kHopeless;
}

void Server::start_signer() {
  CsrWatcherOptions watch;
  for (const std::string& signer : config_.policy->signers()) {
    watch.signers.insert(config_.policy->signer_name(signer));
  }
  watch.pacing.random = random_fraction;
  signer_ = std::make_unique<Signer>(SignerConfig{
      .api = *api_,
      .audit = *counted_issuance_log_,
      .policy = [this] { return config_.policy; },
      .namespaces = namespaces_,
      .authorities = [this] { return authorities_; },
      .now = now_seconds,
      .self = *self_.load(),
      .watch = std::move(watch),
      .queue = {.random = random_fraction},
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
  log(LogLevel::kInfo, "signing", {{"policy", config_.policy->digest()}});
}

void Server::stop() {
  log(LogLevel::kInfo, "stopping");
  if (front_ != nullptr) {
    front_->drain(kDrainPatience);
  }
  if (signer_ != nullptr) {
    signer_->stop();
  }
  if (review_log_ != nullptr) {
    review_log_->stop();
  }
}

std::vector<ReadinessCheck> Server::readiness() const {
  std::vector<ReadinessCheck> checks = readiness_.checks();
  if (config_.role.signer) {
    const bool synced = is_signing_ && signer_->synced();
    checks.push_back({"requests", synced ? "" : "the list of CertificateSigningRequests is not complete yet"});
  }
  return checks;
}

MetricReadings Server::readings() const {
  MetricReadings readings;
  if (is_signing_) {
    readings.signing = MetricReadings::Signing{.queue = signer_->depth(),
                                               .watch_age = CsrWatcher::Clock::now() - signer_->last_activity(),
                                               .unsettled = signer_->unsettled()};
  }
  if (front_ != nullptr) {
    readings.connections = front_->counts();
  }
  if (review_log_ != nullptr) {
    readings.reviews_dropped = review_log_->dropped();
  }
  if (const std::shared_ptr<const TrustStore> issuers = issuers_.load()) {
    for (const auto& [signer, chain] : issuers->chains()) {
      readings.ca_not_after.emplace(signer, chain.not_after());
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
  if (!open_logs() || (!config_.ca_dir.empty() && !load_directory()) ||
      (!config_.tls.key_pem.empty() && !start_front()) || (!config_.metrics_listen.empty() && !start_metrics())) {
    return kExitUsage;
  }
  std::vector<Attempt (Server::*)()> steps = {&Server::introduce, &Server::check_access};
  if (!config_.ca_namespace.empty()) {
    steps.push_back(&Server::load_secrets);
  }
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
        if (signals_.wait_for(backoff.next())) {
          stop();
          return kExitYes;
        }
    }
  }
  readiness_.set("api-server", "");
  if (config_.role.signer) {
    start_signer();
  }
  signals_.wait();
  stop();
  return kExitYes;
}

}  // namespace

int run_server(ServerConfig config) { return Server(std::move(config)).run(); }

}  // namespace signet
