#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>

#include "signer/kube/namespace_store.h"
#include "signer/kube/namespace_watcher.h"

namespace signet {

/// The namespaces of the cluster, from when a policy first asks for their labels until the end: to follow them costs a
/// watch, and without one nothing is known of them.
class FollowedNamespaces {
 public:
  /// What is known now.
  [[nodiscard]] const NamespaceLabels& labels() const { return store_; }

  /// Begins to follow them; nothing if they are followed already. `api` must outlive this.
  void follow(KubeApi& api, Backoff::Random random);
  /// Waits until all are known, at most `patience` and until `stop`; whether they are.
  [[nodiscard]] bool wait_for_all(std::chrono::milliseconds patience, const std::stop_token& stop = {}) const;
  /// Why not all are known that should be; empty while nobody asked for them.
  [[nodiscard]] std::string problem() const;

  void stop();

 private:
  NamespaceStore store_;
  std::mutex mutex_;
  std::unique_ptr<NamespaceWatcher> watcher_;  ///< guarded by mutex_ until it is_followed_, then there to stay
  std::atomic<bool> is_followed_ = false;
};

}  // namespace signet
