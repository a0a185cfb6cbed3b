#include "tools/signet/reload/followed_namespaces.h"

#include <thread>
#include <utility>

#include "tools/signet/inputs/log.h"

namespace signet {

void FollowedNamespaces::follow(KubeApi& api, Backoff::Random random) {
  const std::lock_guard lock(mutex_);
  if (watcher_ != nullptr) {
    return;
  }
  WatchPacing pacing;
  pacing.random = std::move(random);
  watcher_ = std::make_unique<NamespaceWatcher>(api, store_, std::move(pacing),
                                                [](const std::string& message) { log(LogLevel::kWarning, message); });
  is_followed_ = true;
}

bool FollowedNamespaces::wait_for_all(std::chrono::milliseconds patience, const std::stop_token& stop) const {
  constexpr std::chrono::milliseconds kLook(20);
  const auto end = std::chrono::steady_clock::now() + patience;
  while (!problem().empty() && !stop.stop_requested() && std::chrono::steady_clock::now() < end) {
    std::this_thread::sleep_for(kLook);
  }
  return problem().empty();
}

std::string FollowedNamespaces::problem() const {
  return is_followed_ && !watcher_->synced() ? "the list of Namespaces is not complete yet" : "";
}

void FollowedNamespaces::stop() {
  const std::lock_guard lock(mutex_);
  if (watcher_ != nullptr) {
    watcher_->stop();
  }
}

}  // namespace signet
