#include "signer/kube/csr_watcher.h"

#include <algorithm>
#include <utility>

namespace signet {
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
  const auto add = [this](const std::string& signer) {
    streams_.push_back(std::make_unique<ListWatch>(requests_for(signer), options_.pacing));
  };
  if (options_.signers.size() > kMaxSignerWatches) {
    add({});
  } else {
    for (const std::string& signer : options_.signers) add(signer);
  }
  unsynced_ = streams_.size();
  if (streams_.empty()) callbacks_.on_synced();
  for (const auto& stream : streams_) {
    threads_.emplace_back([stream = stream.get()](const std::stop_token& stop) { stream->run(stop); });
  }
}

void CsrWatcher::stop() {
  for (std::jthread& thread : threads_) thread.request_stop();
  threads_.clear();
}

CsrWatcher::Clock::time_point CsrWatcher::last_activity() const {
  Clock::time_point oldest = Clock::now();
  for (const auto& stream : streams_) oldest = std::min(oldest, stream->last_activity());
  return oldest;
}

ListWatch::Collection CsrWatcher::requests_for(const std::string& signer) {
  const auto list = [this, signer, is_synced = false](const std::stop_token& stop) mutable {
    const auto visit = [this](JsonView object) { emit(WatchEventType::kAdded, object); };
    auto version = api_.list_csrs(signer, visit, stop);
    const bool is_first = version && !stop.stop_requested() && !std::exchange(is_synced, true);
    if (is_first && --unsynced_ == 0) callbacks_.on_synced();
    return version;
  };
  const auto watch = [this, signer](const WatchRequest& request, const auto& on_event, const std::stop_token& stop) {
    WatchHandler handler{.wants_line = {}, .on_event = on_event};
    if (signer.empty()) {
      handler.wants_line = [this](std::string_view line) { return may_concern_signers(line, options_.signers); };
    }
    return api_.watch_csrs(signer, request, handler, stop);
  };
  return {.name = "CertificateSigningRequests of " + (signer.empty() ? "all signers" : signer),
          .list = list,
          .watch = watch,
          .on_event = [this](WatchEventType type, JsonView object) { emit(type, object); },
          .on_problem = callbacks_.on_problem};
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

}  // namespace signet
