#pragma once

#include <atomic>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>

#include "signer/kube/kube_api.h"
#include "signer/kube/list_watch.h"
#include "signer/kube/namespace_store.h"
#include "signer/kube/objects.h"

namespace signet {

// Keeps a store of namespaces as the API server has them, as ListWatch does. The store stays empty until the first list
// is complete, and keeps what was known last while no watch runs; each list drops what is gone. A namespace that cannot
// be read, or has labels without measure, is not in it.
class NamespaceWatcher {
 public:
  using Clock = ListWatch::Clock;

  // Starts the thread. `api` and `store` must outlive the watcher, which alone writes to the store. `on_problem` is
  // called from that thread and may not call stop(): an attempt failed and will be made again, or a namespace could not
  // be read.
  NamespaceWatcher(KubeApi& api, NamespaceStore& store, WatchPacing pacing,
                   std::function<void(const std::string& message)> on_problem);
  NamespaceWatcher(const NamespaceWatcher&) = delete;
  NamespaceWatcher& operator=(const NamespaceWatcher&) = delete;
  ~NamespaceWatcher() { stop(); }

  // Ends the watch or the wait and joins the thread, at once but for a callback that is under way.
  void stop();

  // Whether the store has had a complete list.
  [[nodiscard]] bool synced() const { return is_synced_; }

  [[nodiscard]] Clock::time_point last_activity() const { return list_watch_.last_activity(); }

 private:
  [[nodiscard]] ListWatch::Collection namespaces();
  [[nodiscard]] KubeResult<std::string> list(const std::stop_token& stop);
  void take(WatchEventType type, JsonView object);
  // Reports what it cannot read.
  [[nodiscard]] std::optional<Namespace> read(JsonView object) const;

  KubeApi& api_;
  NamespaceStore& store_;
  const std::function<void(const std::string& message)> on_problem_;
  std::atomic<bool> is_synced_ = false;
  ListWatch list_watch_;
  std::jthread thread_;
};

}  // namespace signet
