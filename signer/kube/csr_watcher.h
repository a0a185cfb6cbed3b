#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "signer/kube/kube_api.h"
#include "signer/kube/list_watch.h"

namespace signet {

using SignerNames = std::set<std::string, std::less<>>;

// Up to this many signers get a watch each, which the API server filters; more share one watch that we filter, for each
// watch costs both sides a connection and a thread.
inline constexpr std::size_t kMaxSignerWatches = 16;

// Whether a line of an unfiltered watch must be parsed: it names one of the signers, or no signer at all (a bookmark,
// an error). May say yes to an object that is for another signer, never no to one that is for ours.
[[nodiscard]] bool may_concern_signers(std::string_view line, const SignerNames& signers);

struct CsrWatcherOptions {
  SignerNames signers;
  WatchPacing pacing;
};

// All are called from the watcher's threads, several at once; none may call the watcher's stop().
struct CsrWatcherCallbacks {
  // An object of one of our signers as it is now, or as it last was (kDeleted). Comes as kAdded from lists, again after
  // every new list, so it may come unchanged. Never kBookmark. One that was deleted while no watch ran is not reported.
  std::function<void(WatchEventType, const CertificateSigningRequest&)> on_event;
  // Once, when every signer's first list is complete and its on_event calls have returned.
  std::function<void()> on_synced;
  // An attempt failed and will be made again, or an object could not be read and is left out.
  std::function<void(const std::string& message)> on_problem;
};

// Tells about every CertificateSigningRequest of our signers, as ListWatch does of each. Keeps no objects.
class CsrWatcher {
 public:
  using Clock = ListWatch::Clock;

  // Starts the threads. `api` must outlive the watcher.
  CsrWatcher(KubeApi& api, CsrWatcherOptions options, CsrWatcherCallbacks callbacks);
  CsrWatcher(const CsrWatcher&) = delete;
  CsrWatcher& operator=(const CsrWatcher&) = delete;
  ~CsrWatcher() { stop(); }

  // Ends watches and waits and joins the threads, at once but for the callbacks that are under way.
  void stop();

  [[nodiscard]] bool synced() const { return unsynced_ == 0; }

  // ListWatch::last_activity of the stream that has been silent longest.
  [[nodiscard]] Clock::time_point last_activity() const;

 private:
  // The requests for one signer, or for all of them when it is empty, filtered by us.
  [[nodiscard]] ListWatch::Collection requests_for(const std::string& signer);
  void emit(WatchEventType type, JsonView object) const;

  KubeApi& api_;
  const CsrWatcherOptions options_;
  const CsrWatcherCallbacks callbacks_;
  std::atomic<std::size_t> unsynced_ = 0;
  std::vector<std::unique_ptr<ListWatch>> streams_;
  std::vector<std::jthread> threads_;
};

}  // namespace signet
