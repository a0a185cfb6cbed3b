#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <tl/expected.hpp>
#include <utility>

#include "signer/kube/serving_api.h"
#include "tools/signet/serving/serving_secret.h"

namespace signet {

/// Where a serving certificate is kept, and for whom.
struct ServingPlace {
  std::string name_space;
  std::string secret;
  std::string dns_name;  ///< as the API server calls the server: <service>.<namespace>.svc, or a URL's host
};

/// The name of both webhook configurations, as `signet render webhooks` has it.
inline constexpr const char* kWebhookConfiguration = "signet";

/// Keeps the serving material of a Secret, together with whoever else keeps it, and its CAs in the webhooks that call
/// `dns_name`. No threads and no clock.
class ServingKeeper {
 public:
  /// `first` is what is kept where the Secret is not there yet, or is there and empty.
  ServingKeeper(ServingPlace place, ServingApi& api, ServingMaterial first)
      : place_(std::move(place)), api_(api), material_(std::move(first)) {}

  /// Looks after all of it once. The error says what is not in order and could not be mended. What somebody else wrote
  /// meanwhile is looked at the next time.
  [[nodiscard]] tl::expected<void, std::string> keep(std::chrono::sys_seconds now);

  /// What the Secret holds, or held when it could last be read.
  [[nodiscard]] const ServingMaterial& material() const { return material_; }
  /// The Secret holds it, so that the others have it too.
  [[nodiscard]] bool is_shared() const { return is_shared_; }

 private:
  [[nodiscard]] tl::expected<void, std::string> keep_secret(std::chrono::sys_seconds now);
  /// Whether nothing had to be changed.
  [[nodiscard]] KubeResult<bool> keep_ca_bundle(WebhookKind kind);

  const ServingPlace place_;
  ServingApi& api_;
  ServingMaterial material_;
  bool is_shared_ = false;
  std::string trusted_;  ///< the ca_crt that was in the webhooks at the last look
};

}  // namespace signet
