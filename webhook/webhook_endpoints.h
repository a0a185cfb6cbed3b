#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "policy/audit_record.h"
#include "policy/policy.h"
#include "signer/trust/trust_store.h"
#include "webhook/http_message.h"
#include "webhook/http_route.h"

namespace signet {

/// One thing that must be in order before the API server may send reviews.
struct ReadinessCheck {
  std::string name;
  std::string problem;  ///< empty: in order
  std::string note{};   ///< what is to be said of one that is in order; or empty
};

/// What one review rests on, published together: the issuers are those of the policy's signers.
struct ReviewBasis {
  std::shared_ptr<const Policy> policy;
  std::shared_ptr<const TrustStore> issuers;  ///< may be null
};

/// What the endpoints are wired to. The functions are called by several threads at once and must not block.
struct WebhookWiring {
  std::function<ReviewBasis()> basis;       ///< asked once for each review
  const NamespaceLabels& namespaces;        ///< must outlive the handler
  std::function<std::string()> self;        ///< our user name at the API server; may give ""
  std::function<void(AuditRecord)> record;  ///< of each review of ours
  std::function<std::vector<ReadinessCheck>()> readiness;
};

/// /validate, /mutate, /livez and /readyz. A body that is no AdmissionReview is answered with 400 and the reason;
/// health is plain text, one line a check, 503 while one fails. Reviews are for known clients, health is for everybody.
[[nodiscard]] std::vector<HttpRoute> webhook_routes();
/// Of these only /livez and /readyz, for a process that answers no reviews.
[[nodiscard]] std::vector<HttpRoute> health_routes();
[[nodiscard]] HttpHandler webhook_handler(WebhookWiring wiring);

}  // namespace signet
