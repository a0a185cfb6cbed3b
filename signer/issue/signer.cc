#include "signer/issue/signer.h"

#include <utility>

#include "policy/quoting.h"

namespace signet {

Signer::Signer(SignerConfig config)
    : config_(std::move(config)),
      queue_(queue_options(),
             [this](const CertificateSigningRequest& csr, auto since) { return reconcile_one(csr, since); }),
      idle_(config_.may_sign != nullptr),
      signers_(config_.watch.signers),
      watcher_(watch(idle_ ? SignerNames() : signers_)) {}

std::shared_ptr<CsrWatcher> Signer::watch(SignerNames signers) {
  CsrWatcherOptions options = config_.watch;
  options.signers = std::move(signers);
  // Who follows nobody has seen everything that is asked of him, but knows nothing.
  const bool knows = !options.signers.empty();
  return std::make_shared<CsrWatcher>(
      config_.api, std::move(options),
      CsrWatcherCallbacks{
          .on_event = [this](WatchEventType type, const CertificateSigningRequest& csr) { on_event(type, csr); },
          .on_synced =
              [this, knows] {
                synced_ = knows;
                was_synced_ = true;
              },
          .on_problem = config_.on_problem});
}

void Signer::follow(SignerNames signers) {
  const std::lock_guard changing(changing_watcher_);
  if (stopped_) return;
  signers_ = std::move(signers);
  if (!idle_) watch_instead(signers_);
}

void Signer::take_up() {
  const std::lock_guard changing(changing_watcher_);
  if (stopped_ || !idle_) return;
  idle_ = false;
  watch_instead(signers_);
}

void Signer::lay_down() {
  const std::lock_guard changing(changing_watcher_);
  if (stopped_ || idle_) return;
  idle_ = true;
  watch_instead({});
  queue_.clear();
}

void Signer::watch_instead(SignerNames signers) {
  // The old ends before the new begins: what it tells of a request must not come after what the new one told.
  watcher_->stop();
  synced_ = false;
  std::shared_ptr<CsrWatcher> next = watch(std::move(signers));
  const std::lock_guard lock(mutex_);
  watcher_.swap(next);
}

CsrWatcher::Clock::time_point Signer::last_activity() const {
  const std::lock_guard lock(mutex_);
  return watcher_->last_activity();
}

SigningQueue::Options Signer::queue_options() const {
  SigningQueue::Options options = config_.queue;
  options.flow_of = [this](const CertificateSigningRequest& csr) -> std::string {
    const std::shared_ptr<const Policy> policy = config_.basis().policy;
    const auto signer = policy->signer_in_domain(csr.spec.signer_name);
    const PolicyModel::Tenant* const tenant = signer ? policy->tenant_of_signer(*signer) : nullptr;
    return tenant == nullptr ? std::string() : tenant->name;
  };
  options.on_throttled = [this](const std::string& tenant, const std::string& message) {
    config_.on_problem(message.empty() ? "tenant " + in_quotes(tenant) + " keeps within its quota again" : message);
  };
  return options;
}

template <typename Work>
auto Signer::with_context(const Work& work) {
  const SigningBasis basis = config_.basis();
  return work(ReconcileContext{.policy = *basis.policy,
                               .namespaces = config_.namespaces,
                               .authorities = *basis.authorities,
                               .audit = config_.audit,
                               .api = config_.api,
                               .unsettled = unsettled_,
                               .meter = meter_,
                               .self = config_.self,
                               .synced = synced_,
                               .now = config_.now(),
                               .tick = IssuanceMeter::Clock::now(),
                               .may_sign = config_.may_sign,
                               .clock_lead = config_.clock_lead});
}

void Signer::stop() {
  {
    const std::lock_guard changing(changing_watcher_);
    stopped_ = true;
    watcher_->stop();
  }
  queue_.stop();
  with_context([](const ReconcileContext& context) { settle(context); });
}

void Signer::on_event(WatchEventType type, const CertificateSigningRequest& csr) {
  if (type == WatchEventType::kDeleted) {
    queue_.remove(csr);
  } else if (is_idle(csr, *config_.basis().policy)) {
    queue_.note(csr);
  } else {
    queue_.add(csr);
  }
}

ReconcileResult Signer::reconcile_one(const CertificateSigningRequest& csr, SigningQueue::Clock::time_point since) {
  ReconcileResult result = with_context([&](const ReconcileContext& context) { return reconcile(csr, context); });
  // That a tenant is throttled is told once (on_throttled), and the log tells of itself, not each of the requests.
  if (!result.message.empty() && !result.throttled && !result.awaits_log) {
    config_.on_problem("CertificateSigningRequest " + csr.name + ": " + result.message);
  }
  if (config_.on_result) config_.on_result(csr, result, SigningQueue::Clock::now() - since);
  return result;
}

}  // namespace signet
