#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "signer/kube/api_connection.h"
#include "signer/kube/kube_api.h"
#include "signer/kube/kubeconfig.h"
#include "signer/kube/server_clock.h"
#include "signer/kube/serving_api.h"

namespace signet {

// The API server behind a ClusterAccess, over HTTPS. Keeps a few connections alive for calls from several threads; a
// watch has one of its own. Answers are bounded in size and time. SIGPIPE must be ignored in the process.
class HttpKubeClient : public KubeApi, public ServingApi {
 public:
  // Reads the certificates and the key and connects to nothing. The error says which of them is bad.
  [[nodiscard]] static tl::expected<std::unique_ptr<HttpKubeClient>, std::string> create(const ClusterAccess& access);

  class Transport;
  explicit HttpKubeClient(std::unique_ptr<Transport> transport);
  ~HttpKubeClient() override;

  // As of the last answer of any call.
  [[nodiscard]] const ServerClock& server_clock() const;

  [[nodiscard]] KubeResult<std::string> list_csrs(const std::string& signer_name,
                                                  const std::function<void(JsonView)>& visit,
                                                  const std::stop_token& stop) override;
  [[nodiscard]] KubeResult<void> watch_csrs(const std::string& signer_name, const WatchRequest& request,
                                            const WatchHandler& handler, const std::stop_token& stop) override;
  [[nodiscard]] KubeResult<CertificateSigningRequest> get_csr(const std::string& name) override;
  [[nodiscard]] KubeResult<void> patch_csr_status(const std::string& name, const std::string& json_patch) override;
  [[nodiscard]] KubeResult<void> approve_csr(const std::string& name, const std::string& json_patch) override;
  [[nodiscard]] KubeResult<std::string> list_namespaces(const std::function<void(JsonView)>& visit,
                                                        const std::stop_token& stop) override;
  [[nodiscard]] KubeResult<void> watch_namespaces(const WatchRequest& request, const WatchHandler& handler,
                                                  const std::stop_token& stop) override;
  [[nodiscard]] KubeResult<Pod> get_pod(const std::string& name_space, const std::string& name) override;
  [[nodiscard]] KubeResult<TlsSecret> get_tls_secret(const std::string& name_space, const std::string& name) override;
  [[nodiscard]] KubeResult<std::string> get_secret_version(const std::string& name_space,
                                                           const std::string& name) override;
  [[nodiscard]] KubeResult<void> replace_tls_secret(const std::string& name_space, const std::string& name,
                                                    const TlsSecret& secret) override;
  [[nodiscard]] KubeResult<void> create_tls_secret(const std::string& name_space, const std::string& name,
                                                   const TlsSecret& secret, DryRun dry_run) override;
  [[nodiscard]] KubeResult<Lease> get_lease(const std::string& name_space, const std::string& name) override;
  [[nodiscard]] KubeResult<Lease> write_lease(const std::string& name_space, const Lease& lease) override;
  [[nodiscard]] KubeResult<std::string> who_am_i() override;
  [[nodiscard]] KubeResult<bool> may_i(const AccessQuestion& question) override;
  [[nodiscard]] KubeResult<std::vector<AccessRule>> what_may_i() override;

  [[nodiscard]] KubeResult<SecretData> get_secret(const std::string& name_space, const std::string& name) override;
  [[nodiscard]] KubeResult<void> write_secret(const std::string& name_space, const std::string& name,
                                              const SecretData& data) override;
  [[nodiscard]] KubeResult<WebhookClients> get_webhooks(WebhookKind kind, const std::string& name) override;
  [[nodiscard]] KubeResult<void> set_ca_bundle(WebhookKind kind, const std::string& name,
                                               const std::string& resource_version,
                                               const std::vector<std::string>& webhooks,
                                               const std::string& ca_bundle) override;

 private:
  // A Secret's JSON, the only copy of it.
  [[nodiscard]] KubeResult<JsonDocument> secret_document(const std::string& name_space, const std::string& name);
  // Sends the request with the parts as its body. All of them, the body and the answer are wiped.
  [[nodiscard]] KubeResult<void> send_and_wipe(ApiRequest request, std::vector<std::string> parts);
  // Sends the request with `head`, the beginning of a Secret's JSON, and its data as the body.
  [[nodiscard]] KubeResult<void> send_secret(ApiRequest request, std::string_view head, const TlsSecret& secret);
  [[nodiscard]] KubeResult<void> patch_csr(const std::string& name, std::string_view subresource,
                                           const std::string& json_patch);

  std::unique_ptr<Transport> transport_;
};

}  // namespace signet
