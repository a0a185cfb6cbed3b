#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "signer/kube/backoff.h"
#include "signer/kube/kube_api.h"

namespace signet {

struct WatchPacing {
  // A watch that has fallen silent is noticed little later than this, and istiod waits a minute for a certificate. Each
  // new watch goes on where the last one was: the API server tells how far that is before it ends one.
  std::chrono::seconds watch_timeout{20};
  Backoff::Duration first_wait = std::chrono::milliseconds(500);
  // An API server that is there again must hear from us soon, however long it was away.
  Backoff::Duration longest_wait = std::chrono::seconds(2);
  // Called from the threads of all watches that are given it, several at once.
  Backoff::Random random;
};

// Follows one collection of objects: lists it, watches from there, lists again when the watch cannot go on, waits
// between failures. Keeps no objects and has no thread of its own.
class ListWatch {
 public:
  using Clock = std::chrono::steady_clock;

  // All are called from run(), one at a time.
  struct Collection {
    // In problems, as in "list of Namespaces".
    std::string name;
    // Lists what there is and tells whoever wants to know; returns the resourceVersion to watch from.
    std::function<KubeResult<std::string>(const std::stop_token&)> list;
    std::function<KubeResult<void>(const WatchRequest&, const std::function<void(const WatchEvent&)>& on_event,
                                   const std::stop_token&)>
        watch;
    // What the watch told of an object; never kBookmark.
    std::function<void(WatchEventType, JsonView)> on_event;
    // An attempt failed and will be made again.
    std::function<void(const std::string& message)> on_problem;
  };

  ListWatch(Collection collection, WatchPacing pacing);

  // Until it is stopped.
  void run(const std::stop_token& stop);

  // When the API server was last heard of (a list, an event, a bookmark, a watch that ended in order); the time of
  // construction before that. A watch ends every 20 s. May be called from any thread.
  [[nodiscard]] Clock::time_point last_activity() const { return Clock::time_point(Clock::duration(last_activity_)); }

 private:
  [[nodiscard]] std::optional<std::string> list(Backoff& backoff, const std::stop_token& stop);
  // Advances `version`; empties it when the watch cannot go on from there.
  void watch(Backoff& backoff, std::string& version, const std::stop_token& stop);
  void report(std::string_view what, const KubeError& error) const;
  void touch() { last_activity_ = Clock::now().time_since_epoch().count(); }

  const Collection collection_;
  const WatchPacing pacing_;
  std::atomic<Clock::rep> last_activity_;
};

}  // namespace signet
