#pragma once

#include <map>
#include <string>
#include <vector>

#include "signer/kube/kube_api.h"
#include "signer/kube/wipe_secret.h"

namespace signet {

// The data of a Secret by its keys, base64 undone. The values are wiped at the end.
struct SecretData {
  ~SecretData() {
    for (auto& [key, value] : values) wipe_secret(value);
  }

  std::map<std::string, std::string, std::less<>> values;
  // As it was read. Empty: there is no such Secret yet.
  std::string resource_version;
};

enum class WebhookKind { kValidating, kMutating };

// Whom one of a configuration's webhooks has the API server call, and which CAs it trusts there.
struct WebhookClient {
  std::string name;
  // Either this
  std::string url;
  // or these.
  std::string service_namespace;
  std::string service_name;
  // PEM; empty where there is none.
  std::string ca_bundle;
};

struct WebhookClients {
  std::vector<WebhookClient> webhooks;
  std::string resource_version;
};

// What keeping a serving certificate asks of an API server. As KubeApi, whose errors these are.
class ServingApi {
 public:
  ServingApi() = default;
  ServingApi(const ServingApi&) = delete;
  ServingApi& operator=(const ServingApi&) = delete;
  virtual ~ServingApi() = default;

  // A Secret of any type.
  [[nodiscard]] virtual KubeResult<SecretData> get_secret(const std::string& name_space, const std::string& name) = 0;

  // Creates an Opaque Secret if `data` has no resource_version (kConflict: there is one of that name), else writes
  // these values over what it holds if it is still of that version (kConflict: it is not); other keys stay.
  [[nodiscard]] virtual KubeResult<void> write_secret(const std::string& name_space, const std::string& name,
                                                      const SecretData& data) = 0;

  // Those of the ValidatingWebhookConfiguration or MutatingWebhookConfiguration of this name.
  [[nodiscard]] virtual KubeResult<WebhookClients> get_webhooks(WebhookKind kind, const std::string& name) = 0;

  // Gives the named ones of its webhooks this caBundle, if it is still of that version (kConflict: it is not).
  [[nodiscard]] virtual KubeResult<void> set_ca_bundle(WebhookKind kind, const std::string& name,
                                                       const std::string& resource_version,
                                                       const std::vector<std::string>& webhooks,
                                                       const std::string& ca_bundle) = 0;
};

}  // namespace signet
