#pragma once

#include <string>
#include <tl/expected.hpp>

#include "policy/policy.h"

namespace signet {

/// How the API server reaches the webhook.
struct WebhookTarget {
  std::string url;        ///< "https://HOST[:PORT]"; empty: by service
  std::string service;    ///< "NAMESPACE/NAME"
  std::string ca_bundle;  ///< PEM; empty: whoever keeps the serving certificate puts it in
  std::string account;    ///< "system:serviceaccount:NAMESPACE:NAME"
};

/// A ValidatingWebhookConfiguration and a MutatingWebhookConfiguration (admissionregistration.k8s.io/v1, YAML). What
/// leads to a certificate fails closed: CertificateSigningRequests of the policy's signer domain, cert-manager's
/// CertificateRequests for issuers that are its signers, and, where the policy has namespaceAdmins, Namespaces that
/// somebody else makes a tenant's. ProxyConfigs and Pods of tenants fail open: their review is an early answer, and no
/// pod waits for us. Where tenants have namespaces by labels, those of every namespace are asked about. Nothing else
/// matches: the rest of the cluster never depends on us. An error names the part of `target` that cannot be used.
[[nodiscard]] tl::expected<std::string, std::string> render_webhooks(const Policy& policy, const WebhookTarget& target);

}  // namespace signet
