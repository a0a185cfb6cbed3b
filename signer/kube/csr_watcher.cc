#include "signer/kube/csr_watcher.h"

#include <algorithm>
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

bool may_concern_signers(std::string_view line, const SignerNames& signers) {
  // The API server writes watches compactly. Where the text stands inside another string its quotes are escaped.
  constexpr std::string_view kField = R"("signerName":")";
  bool names_a_signer = false;
  for (std::size_t at = line.find(kField); at != std::string_view::npos; at = line.find(kField, at)) {
    at += kField.size();
    const std::size_t end = line.find('"', at);
    if (end == std::string_view::npos || signers.contains(line.substr(at, end - at))) return true;
    names_a_signer = true;
  }
  return !names_a_signer;
}

CsrWatcher::CsrWatcher(KubeApi& api, CsrWatcherOptions options, CsrWatcherCallbacks callbacks)
    : api_(api), options_(std::move(options)), callbacks_(std::move(callbacks)) {
  const auto add = [this](std::string signer) {
    auto stream = std::make_unique<Stream>();
    stream->signer = std::move(signer);
    touch(*stream);
    streams_.push_back(std::move(stream));
  };
  if (options_.signers.size() > kMaxSignerWatches) {
    add({});
  } else {
    for (const std::string& signer : options_.signers) add(signer);
  }
  unsynced_ = streams_.size();
  if (streams_.empty()) callbacks_.on_synced();
  for (const auto& stream : streams_) {
    threads_.emplace_back([this, stream = stream.get()](const std::stop_token& stop) { run(*stream, stop); });
  }
}

void CsrWatcher::stop() {
  for (std::jthread& thread : threads_) thread.request_stop();
  threads_.clear();
}

CsrWatcher::Clock::time_point CsrWatcher::last_activity() const {
  Clock::time_point oldest = Clock::now();
  for (const auto& stream : streams_) {
    oldest = std::min(oldest, Clock::time_point(Clock::duration(stream->last_activity.load())));
  }
  return oldest;
}

void CsrWatcher::run(Stream& stream, const std::stop_token& stop) {
  Backoff backoff(options_.first_wait, options_.longest_wait, options_.random);
  std::string version;
  while (!stop.stop_requested()) {
    if (version.empty()) {
      const auto listed = list(stream, backoff, stop);
      if (!listed) continue;
      version = *listed;
    }
    watch(stream, backoff, version, stop);
  }
}

std::optional<std::string> CsrWatcher::list(Stream& stream, Backoff& backoff, const std::stop_token& stop) {
  const auto visit = [this](JsonView object) { emit(WatchEventType::kAdded, object); };
  auto version = api_.list_csrs(stream.signer, visit, stop);
  if (stop.stop_requested()) return std::nullopt;
  if (!version) {
    report(stream, "list", version.error());
    wait(backoff.next(version.error().retry_after), stop);
    return std::nullopt;
  }
  touch(stream);
  if (!std::exchange(stream.is_synced, true) && --unsynced_ == 0) callbacks_.on_synced();
  return std::move(*version);
}

void CsrWatcher::watch(Stream& stream, Backoff& backoff, std::string& version, const std::stop_token& stop) {
  bool is_working = false;
  CsrWatchHandler handler;
  if (stream.signer.empty()) {
    handler.wants_line = [this](std::string_view line) { return may_concern_signers(line, options_.signers); };
  }
  handler.on_event = [&](const WatchEvent& event) {
    is_working = true;
    touch(stream);
    if (event.type != WatchEventType::kBookmark) emit(event.type, event.object);
    const auto next = event.object.at("metadata", "resourceVersion").as_string();
    if (next && !next->empty()) version = *next;
  };

  const Clock::time_point begin = Clock::now();
  const auto end = api_.watch_csrs({stream.signer, version, options_.watch_timeout}, handler, stop);
  if (stop.stop_requested()) return;
  if (end) {
    touch(stream);
    is_working = is_working || Clock::now() - begin >= kWorkingWatch;
  } else {
    report(stream, "watch", end.error());
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

void CsrWatcher::emit(WatchEventType type, JsonView object) const {
  const auto signer = object.at("spec", "signerName").as_string();
  if (!signer || !options_.signers.contains(*signer)) return;
  const auto csr = CertificateSigningRequest::decode(object);
  if (csr) {
    callbacks_.on_event(type, *csr);
  } else {
    const std::string name(object.at("metadata", "name").as_string().value_or(""));
    callbacks_.on_problem("CertificateSigningRequest " + name + " is left out: " + csr.error());
  }
}

void CsrWatcher::report(const Stream& stream, std::string_view what, const KubeError& error) const {
  const std::string of = stream.signer.empty() ? "all signers" : stream.signer;
  callbacks_.on_problem(std::string(what) + " of CertificateSigningRequests of " + of + ": " + error.message);
}

}  // namespace signet
