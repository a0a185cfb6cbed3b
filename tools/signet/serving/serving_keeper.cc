#include "tools/signet/serving/serving_keeper.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <string_view>
#include <vector>

namespace signet {
namespace {

constexpr const char* kCaCrt = "ca.crt";
constexpr const char* kCaKey = "ca.key";
constexpr const char* kTlsCrt = "tls.crt";
constexpr const char* kTlsKey = "tls.key";

// Of writers that get between our reading and our writing, each of which has brought things in order itself.
constexpr int kMaxAttempts = 3;

tl::expected<ServingMaterial, std::string> material_of(const SecretData& data) {
  ServingMaterial material;
  for (const auto& [key, out] : {std::pair(kCaCrt, &material.ca_crt), std::pair(kCaKey, &material.ca_key),
                                 std::pair(kTlsCrt, &material.tls_crt), std::pair(kTlsKey, &material.tls_key)}) {
    const auto value = data.values.find(key);
    if (value == data.values.end()) {
      return tl::unexpected("has no " + std::string(key) +
                            ": Signet did not make what it holds, and does not write over it");
    }
    *out = value->second;
  }
  return material;
}

SecretData data_of(const ServingMaterial& material, std::string resource_version) {
  SecretData data;
  data.values = {
      {kCaCrt, material.ca_crt}, {kCaKey, material.ca_key}, {kTlsCrt, material.tls_crt}, {kTlsKey, material.tls_key}};
  data.resource_version = std::move(resource_version);
  return data;
}

bool is_conflict(const KubeResult<void>& written) {
  return !written && written.error().kind == KubeError::Kind::kConflict;
}

std::string lower_case(std::string_view text) {
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return lower;
}

// The host that a webhook calls: what its serving certificate must name.
std::string host_of(const WebhookClient& webhook) {
  if (webhook.url.empty()) {
    return webhook.service_name + "." + webhook.service_namespace + ".svc";
  }
  constexpr std::string_view kScheme = "https://";
  std::string_view host = webhook.url;
  host.remove_prefix(host.starts_with(kScheme) ? kScheme.size() : 0);
  return lower_case(host.substr(0, host.find_first_of(":/")));
}

}  // namespace

tl::expected<void, std::string> ServingKeeper::keep(std::chrono::sys_seconds now) {
  if (auto kept = keep_secret(now); !kept) {
    return kept;
  }
  std::string problems;
  bool all_trust = true;
  for (const WebhookKind kind : {WebhookKind::kValidating, WebhookKind::kMutating}) {
    const KubeResult<bool> kept = keep_ca_bundle(kind);
    all_trust = all_trust && kept.value_or(false);
    if (!kept) {
      problems +=
          (problems.empty() ? "" : "; ") + std::string("the caBundle of ") +
          (kind == WebhookKind::kValidating ? "ValidatingWebhookConfiguration " : "MutatingWebhookConfiguration ") +
          kWebhookConfiguration + ": " + kept.error().message;
    }
  }
  trusted_ = all_trust ? material_.ca_crt : "";
  if (!problems.empty()) {
    return tl::unexpected(std::move(problems));
  }
  return {};
}

tl::expected<void, std::string> ServingKeeper::keep_secret(std::chrono::sys_seconds now) {
  const std::string where = "Secret " + place_.name_space + "/" + place_.secret + ": ";
  for (int attempt = 0; attempt < kMaxAttempts; ++attempt) {
    const KubeResult<SecretData> held = api_.get_secret(place_.name_space, place_.secret);
    if (!held && held.error().kind != KubeError::Kind::kNotFound) {
      return tl::unexpected(where + held.error().message);
    }
    const std::string version = held ? held->resource_version : "";
    std::optional<ServingMaterial> next = material_;
    if (held && !held->values.empty()) {
      auto material = material_of(*held);
      if (!material) {
        return tl::unexpected(where + material.error());
      }
      auto renewed = renewed_serving_material(*material, place_.dns_name, trusted_ == material->ca_crt, now);
      if (!renewed) {
        return tl::unexpected(where + renewed.error());
      }
      material_ = *std::move(material);
      is_shared_ = true;
      next = *std::move(renewed);
    }
    if (!next) {
      return {};
    }
    const KubeResult<void> written = api_.write_secret(place_.name_space, place_.secret, data_of(*next, version));
    if (written) {
      material_ = *std::move(next);
      is_shared_ = true;
      return {};
    }
    if (!is_conflict(written)) {
      return tl::unexpected(where + written.error().message);
    }
  }
  return tl::unexpected(where + "others write it all the time");
}

KubeResult<bool> ServingKeeper::keep_ca_bundle(WebhookKind kind) {
  const KubeResult<WebhookClients> clients = api_.get_webhooks(kind, kWebhookConfiguration);
  if (!clients) {
    if (clients.error().kind == KubeError::Kind::kNotFound) {
      return true;
    }
    return tl::unexpected(clients.error());
  }
  std::vector<std::string> others;
  for (const WebhookClient& webhook : clients->webhooks) {
    if (host_of(webhook) == place_.dns_name && webhook.ca_bundle != material_.ca_crt) {
      others.push_back(webhook.name);
    }
  }
  if (others.empty()) {
    return true;
  }
  const KubeResult<void> set =
      api_.set_ca_bundle(kind, kWebhookConfiguration, clients->resource_version, others, material_.ca_crt);
  if (!set && !is_conflict(set)) {
    return tl::unexpected(set.error());
  }
  return false;
}

}  // namespace signet
