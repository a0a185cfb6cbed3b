#pragma once

#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "signer/kube/kube_api.h"

namespace signet::test {

/// CertificateSigningRequests in memory, with the API server's rules for uid and resourceVersion.
class FakeKubeApi final : public KubeApi {
 public:
  /// Stores `csr` as it is.
  void put(const CertificateSigningRequest& csr);
  void erase(const std::string& name);
  [[nodiscard]] std::optional<CertificateSigningRequest> stored(const std::string& name) const;
  /// Changes a stored request and its resourceVersion.
  void touch(const std::string& name, const std::function<void(CertificateSigningRequest&)>& change);

  /// What happens to one call: `before` instead of it, `then` the change of somebody else just before it, `after` in
  /// place of its answer.
  struct Mishap {
    std::optional<KubeError> before;
    std::function<void()> then;
    std::optional<KubeError> after;
  };
  /// For the next calls of each kind, in order; calls beyond these go well.
  std::deque<Mishap> patches;
  std::deque<Mishap> approvals;
  std::deque<Mishap> gets;
  /// By namespace/name, as the Pods.
  std::map<std::string, KubeResult<TlsSecret>> secrets;
  std::map<std::string, KubeResult<Pod>> pods;
  /// Called before a Secret is created: an error is the answer.
  std::function<std::optional<KubeError>(const std::string& name, DryRun dry_run)> refuse_secret;
  /// Answers may_i; yes to everything where it is empty.
  std::function<KubeResult<bool>(const AccessQuestion&)> answer_may_i;
  /// How often a status was patched.
  [[nodiscard]] int patch_count() const;

  KubeResult<std::string> list_csrs(const std::string& signer_name, const std::function<void(JsonView)>& visit,
                                    const std::stop_token& stop) override;
  KubeResult<void> watch_csrs(const std::string& signer_name, const WatchRequest& request, const WatchHandler& handler,
                              const std::stop_token& stop) override;
  KubeResult<CertificateSigningRequest> get_csr(const std::string& name) override;
  KubeResult<void> patch_csr_status(const std::string& name, const std::string& json_patch) override;
  KubeResult<void> approve_csr(const std::string& name, const std::string& json_patch) override;
  KubeResult<std::string> list_namespaces(const std::function<void(JsonView)>& visit,
                                          const std::stop_token& stop) override;
  KubeResult<void> watch_namespaces(const WatchRequest& request, const WatchHandler& handler,
                                    const std::stop_token& stop) override;
  KubeResult<Pod> get_pod(const std::string& name_space, const std::string& name) override;
  KubeResult<TlsSecret> get_tls_secret(const std::string& name_space, const std::string& name) override;
  KubeResult<std::string> get_secret_version(const std::string& name_space, const std::string& name) override;
  KubeResult<void> replace_tls_secret(const std::string& name_space, const std::string& name,
                                      const TlsSecret& secret) override;
  KubeResult<void> create_tls_secret(const std::string& name_space, const std::string& name, const TlsSecret& secret,
                                     DryRun dry_run) override;
  KubeResult<Lease> get_lease(const std::string& name_space, const std::string& name) override;
  KubeResult<Lease> write_lease(const std::string& name_space, const Lease& lease) override;
  KubeResult<std::string> who_am_i() override;
  KubeResult<bool> may_i(const AccessQuestion& question) override;
  KubeResult<std::vector<AccessRule>> what_may_i() override { return std::vector<AccessRule>{}; }

 private:
  template <typename Call>
  auto with_mishap(std::deque<Mishap>& mishaps, const Call& call) -> decltype(call());
  /// mutex_ must be held.
  KubeResult<void> patch(const std::string& name, const std::string& json_patch);

  mutable std::recursive_mutex mutex_;
  std::map<std::string, CertificateSigningRequest> stored_;
  int next_version_ = 100;
  int patch_count_ = 0;
};

inline KubeError kube_error(KubeError::Kind kind, const std::string& message) {
  return {.kind = kind, .http_status = 0, .message = message, .retry_after = std::nullopt};
}

}  // namespace signet::test
