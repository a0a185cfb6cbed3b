#include "signer/issue/signer.h"

#include <utility>

namespace signet {

Signer::Signer(SignerConfig config)
    : config_(std::move(config)),
      queue_(config_.queue, [this](const CertificateSigningRequest& csr) { return reconcile_one(csr); }),
      watcher_(config_.api, config_.watch,
               {.on_event = [this](WatchEventType type, const CertificateSigningRequest& csr) { on_event(type, csr); },
                .on_synced = [this] { synced_ = true; },
                .on_problem = config_.on_problem}) {}

void Signer::stop() {
  watcher_.stop();
  queue_.stop();
}

void Signer::on_event(WatchEventType type, const CertificateSigningRequest& csr) {
  if (type == WatchEventType::kDeleted) {
    queue_.remove(csr);
  } else {
    queue_.add(csr);
  }
}

ReconcileResult Signer::reconcile_one(const CertificateSigningRequest& csr) {
  // Held until the end, whatever is loaded meanwhile.
  const std::shared_ptr<const Policy> policy = config_.policy();
  const std::shared_ptr<const CaStore> authorities = config_.authorities();
  ReconcileResult result = reconcile(csr, {.policy = *policy,
                                           .authorities = *authorities,
                                           .audit = config_.audit,
                                           .api = config_.api,
                                           .unsettled = unsettled_,
                                           .synced = synced_,
                                           .now = config_.now()});
  if (!result.message.empty()) config_.on_problem("CertificateSigningRequest " + csr.name + ": " + result.message);
  if (config_.on_result) config_.on_result(csr, result);
  return result;
}

}  // namespace signet
