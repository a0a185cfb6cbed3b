#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <tl/expected.hpp>
#include <utility>
#include <vector>

#include "signer/kube/kube_api.h"

namespace signet {

inline tl::unexpected<KubeError> injected(KubeError::Kind kind,
                                          std::optional<std::chrono::seconds> retry_after = std::nullopt) {
  return tl::unexpected(KubeError{kind, 500, "injected", retry_after});
}

// An API server by script: per signer, and for kNamespaces, the answers to the next lists and watches. A list beyond
// the script is empty, a watch beyond it silent until it is stopped.
class ScriptedApi : public KubeApi {
 public:
  static constexpr const char* kNamespaces = "namespaces";

  struct List {
    std::vector<std::string> objects;
    KubeResult<std::string> end;
  };
  struct Watch {
    std::vector<std::pair<WatchEventType, std::string>> events;
    KubeResult<void> end;
  };

  std::map<std::string, std::deque<List>> lists;
  std::map<std::string, std::deque<Watch>> watches;

  KubeResult<std::string> list_csrs(const std::string& signer, const std::function<void(JsonView)>& visit,
                                    const std::stop_token&) override {
    return list(signer, visit);
  }
  KubeResult<void> watch_csrs(const std::string& signer, const WatchRequest& request, const WatchHandler& handler,
                              const std::stop_token& stop) override {
    return watch(signer, request, handler, stop);
  }
  KubeResult<std::string> list_namespaces(const std::function<void(JsonView)>& visit, const std::stop_token&) override {
    return list(kNamespaces, visit);
  }
  KubeResult<void> watch_namespaces(const WatchRequest& request, const WatchHandler& handler,
                                    const std::stop_token& stop) override {
    return watch(kNamespaces, request, handler, stop);
  }

  KubeResult<CertificateSigningRequest> get_csr(const std::string&) override {
    return injected(KubeError::Kind::kNotFound);
  }
  KubeResult<void> patch_csr_status(const std::string&, const std::string&) override {
    return injected(KubeError::Kind::kNotFound);
  }
  KubeResult<void> approve_csr(const std::string&, const std::string&) override {
    return injected(KubeError::Kind::kNotFound);
  }
  KubeResult<Pod> get_pod(const std::string&, const std::string&) override {
    return injected(KubeError::Kind::kNotFound);
  }
  KubeResult<TlsSecret> get_tls_secret(const std::string&, const std::string&) override {
    return injected(KubeError::Kind::kNotFound);
  }
  KubeResult<std::string> get_secret_version(const std::string&, const std::string&) override {
    return injected(KubeError::Kind::kNotFound);
  }
  KubeResult<void> replace_tls_secret(const std::string&, const std::string&, const TlsSecret&) override {
    return injected(KubeError::Kind::kNotFound);
  }
  KubeResult<void> create_tls_secret(const std::string&, const std::string&, const TlsSecret&, DryRun) override {
    return injected(KubeError::Kind::kNotFound);
  }
  KubeResult<Lease> get_lease(const std::string&, const std::string&) override {
    return injected(KubeError::Kind::kNotFound);
  }
  KubeResult<Lease> write_lease(const std::string&, const Lease&) override {
    return injected(KubeError::Kind::kNotFound);
  }
  KubeResult<std::string> who_am_i() override { return injected(KubeError::Kind::kNotFound); }
  KubeResult<std::vector<AccessRule>> what_may_i() override { return injected(KubeError::Kind::kNotFound); }
  KubeResult<bool> may_i(const AccessQuestion&) override { return injected(KubeError::Kind::kNotFound); }

  // Waits until that many watches have come to the end of their scripts.
  void await_silent(int count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return silent_ == count; });
  }

  std::vector<std::string> calls() {
    const std::lock_guard lock(mutex_);
    return calls_;
  }

 private:
  KubeResult<std::string> list(const std::string& collection, const std::function<void(JsonView)>& visit) {
    List answer;
    {
      const std::lock_guard lock(mutex_);
      calls_.push_back("list " + collection);
      auto& script = lists[collection];
      if (script.empty()) return "1";
      answer = script.front();
      script.pop_front();
    }
    for (const std::string& object : answer.objects) visit(JsonDocument::parse(object)->root());
    return answer.end;
  }

  KubeResult<void> watch(const std::string& collection, const WatchRequest& request, const WatchHandler& handler,
                         const std::stop_token& stop) {
    std::optional<Watch> answer;
    {
      std::unique_lock lock(mutex_);
      calls_.push_back("watch " + collection + " from " + request.resource_version);
      auto& script = watches[collection];
      if (script.empty()) {
        ++silent_;
        changed_.notify_all();
        changed_.wait(lock, stop, [] { return false; });
        return {};
      }
      answer = script.front();
      script.pop_front();
    }
    for (const auto& [type, object] : answer->events) {
      if (handler.wants_line && !handler.wants_line(object)) {
        const std::lock_guard lock(mutex_);
        calls_.emplace_back("dropped");
        continue;
      }
      const auto document = JsonDocument::parse(object);
      handler.on_event({type, document->root()});
    }
    return answer->end;
  }

  std::mutex mutex_;
  std::condition_variable_any changed_;
  int silent_ = 0;
  std::vector<std::string> calls_;
};

}  // namespace signet
