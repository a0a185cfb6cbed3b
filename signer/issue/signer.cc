#include "signer/issue/signer.h"

#include <utility>

namespace signet {

Signer::Signer(SignerConfig config)
    : config_(std::move(config)),
      queue_(config_.queue,
             [this](const CertificateSigningRequest& csr, auto since) { return reconcile_one(csr, since); }),
      watcher_(config_.api, config_.watch,
               {.on_event = [this](WatchEventType type, const CertificateSigningRequest& csr) { on_event(type, csr); },
                .on_synced = [this] { synced_ = true; },
                .on_problem = config_.on_problem}) {}

template <typename Work>
auto Signer::with_context(const Work& work) {
  const std::shared_ptr<const Policy> policy = config_.policy();
  const std::shared_ptr<const CaStore> authorities = config_.authorities();
  return work(ReconcileContext{.policy = *policy,
                               .namespaces = config_.namespaces,
                               .authorities = *authorities,
                               .audit = config_.audit,
                               .api = config_.api,
                               .unsettled = unsettled_,
                               .self = config_.self,
                               .synced = synced_,
                               .now = config_.now()});
}

void Signer::stop() {
  watcher_.stop();
  queue_.stop();
  with_context([](const ReconcileContext& context) { settle(context); });
}

void Signer::on_event(WatchEventType type, const CertificateSigningRequest& csr) {
  if (type == WatchEventType::kDeleted) {
    queue_.remove(csr);
  } else {
    queue_.add(csr);
  }
}

ReconcileResult Signer::reconcile_one(const CertificateSigningRequest& csr, SigningQueue::Clock::time_point since) {
  ReconcileResult result = with_context([&](const ReconcileContext& context) { return reconcile(csr, context); });
  if (!result.message.empty()) config_.on_problem("CertificateSigningRequest " + csr.name + ": " + result.message);
  if (config_.on_result) config_.on_result(csr, result, SigningQueue::Clock::now() - since);
  return result;
}

}  // namespace signet
