#include "signer/kube/list_watch.h"

#include <condition_variable>
#include <mutex>
#include <utility>

namespace signet {
namespace {

// A watch that lived this long was a working one, also when nothing happened in it.
constexpr std::chrono::seconds kWorkingWatch(5);

void wait(Backoff::Duration duration, const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any never;
  std::unique_lock lock(mutex);
  never.wait_for(lock, stop, duration, [] { return false; });
}

}  // namespace

ListWatch::ListWatch(Collection collection, WatchPacing pacing)
    : collection_(std::move(collection)), pacing_(std::move(pacing)) {
  touch();
}

void ListWatch::run(const std::stop_token& stop) {
  Backoff backoff(pacing_.first_wait, pacing_.longest_wait, pacing_.random);
  std::string version;
  while (!stop.stop_requested()) {
    if (version.empty()) {
      const auto listed = list(backoff, stop);
      if (!listed) continue;
      version = *listed;
    }
    watch(backoff, version, stop);
  }
}

std::optional<std::string> ListWatch::list(Backoff& backoff, const std::stop_token& stop) {
  auto version = collection_.list(stop);
  if (stop.stop_requested()) return std::nullopt;
  if (!version) {
    report("list", version.error());
    wait(backoff.next(version.error().retry_after), stop);
    return std::nullopt;
  }
  touch();
  return std::move(*version);
}

void ListWatch::watch(Backoff& backoff, std::string& version, const std::stop_token& stop) {
  bool is_working = false;
  const auto on_event = [&](const WatchEvent& event) {
    is_working = true;
    touch();
    if (event.type != WatchEventType::kBookmark) collection_.on_event(event.type, event.object);
    const auto next = event.object.at("metadata", "resourceVersion").as_string();
    if (next && !next->empty()) version = *next;
  };

  const Clock::time_point begin = Clock::now();
  const auto end = collection_.watch({version, pacing_.watch_timeout}, on_event, stop);
  if (stop.stop_requested()) return;
  if (end) {
    touch();
    is_working = is_working || Clock::now() - begin >= kWorkingWatch;
  } else {
    report("watch", end.error());
    // From here the same would happen again.
    if (!end.error().is_transient()) version.clear();
  }
  if (is_working) backoff.reset();
  if (!end) {
    wait(backoff.next(end.error().retry_after), stop);
  } else if (!is_working) {
    wait(backoff.next(), stop);
  }
}

void ListWatch::report(std::string_view what, const KubeError& error) const {
  collection_.on_problem(std::string(what) + " of " + collection_.name + ": " + error.message);
}

}  // namespace signet
