#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

#include "signer/kube/backoff.h"
#include "tools/signet/serving/serving_keeper.h"
#include "webhook/tls_identity.h"
#include "webhook/webhook_endpoints.h"

namespace signet {

/// Has a ServingKeeper look after its Secret and webhooks again and again, on a thread of its own, and logs what it
/// cannot mend.
class ServingUpkeep {
 public:
  ServingUpkeep(ServingPlace place, ServingApi& api, ServingMaterial first, Backoff::Random random);
  ServingUpkeep(const ServingUpkeep&) = delete;
  ServingUpkeep& operator=(const ServingUpkeep&) = delete;
  /// Waits for the look that is under way.
  ~ServingUpkeep() = default;

  /// From now on. Once.
  void start();
  /// No further look is begun.
  void request_stop() { thread_.request_stop(); }

  /// What is to be shown, without client CAs; counts as shown from then on.
  [[nodiscard]] TlsIdentity identity();
  /// How often that has become another.
  [[nodiscard]] std::uint64_t generation() const;

  /// What /readyz tells: a problem until what the Secret holds was shown, later a note where something could not be
  /// mended.
  [[nodiscard]] ReadinessCheck check() const;

 private:
  void run(const std::stop_token& stop);
  /// Whether it is in order.
  bool look();

  ServingKeeper keeper_;  ///< the thread's alone once it runs
  const Backoff::Random random_;
  mutable std::mutex mutex_;
  TlsIdentity identity_;          ///< guarded by mutex_
  std::uint64_t generation_ = 0;  ///< guarded by mutex_
  std::uint64_t shown_ = 0;       ///< the generation that was; guarded by mutex_
  bool is_shared_ = false;        ///< guarded by mutex_
  std::string problem_;           ///< guarded by mutex_
  std::jthread thread_;
};

}  // namespace signet
