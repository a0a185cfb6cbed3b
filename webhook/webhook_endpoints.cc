#include "webhook/webhook_endpoints.h"

#include <chrono>
#include <utility>

#include "webhook/reviewer.h"

namespace signet {
namespace {

constexpr std::string_view kValidate = "/validate";
constexpr std::string_view kMutate = "/mutate";
constexpr std::string_view kLivez = "/livez";
constexpr std::string_view kReadyz = "/readyz";

HttpResponse plain(int status, std::string body) {
  return {.status = status, .content_type = "text/plain; charset=utf-8", .body = std::move(body)};
}

HttpResponse answer_review(ReviewKind kind, const HttpRequest& request, const WebhookWiring& wiring) {
  const auto begin = std::chrono::steady_clock::now();
  const ReviewBasis basis = wiring.basis();
  auto reviewed = review(kind, request.body,
                         {.policy = *basis.policy,
                          .namespaces = wiring.namespaces,
                          .issuers = basis.issuers.get(),
                          .self = wiring.self(),
                          .now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now())});
  if (!reviewed) {
    return plain(400, "signet: " + reviewed.error() + "\n");
  }
  if (reviewed->record) {
    reviewed->record->duration =
        std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - begin);
    wiring.record(*std::move(reviewed->record));
  }
  return {.status = 200, .content_type = "application/json", .body = std::move(reviewed->body)};
}

HttpResponse answer_readiness(const WebhookWiring& wiring) {
  bool ready = true;
  std::string body;
  for (const ReadinessCheck& check : wiring.readiness()) {
    ready = ready && check.problem.empty();
    const std::string& detail = check.problem.empty() ? check.note : check.problem;
    body += (check.problem.empty() ? "ok " : "not ready ") + check.name + (detail.empty() ? "" : ": " + detail) + "\n";
  }
  return plain(ready ? 200 : 503, body);
}

}  // namespace

std::vector<HttpRoute> health_routes() {
  return {{.path = std::string(kLivez), .takes_json = false}, {.path = std::string(kReadyz), .takes_json = false}};
}

std::vector<HttpRoute> webhook_routes() {
  std::vector<HttpRoute> routes = health_routes();
  routes.push_back({.path = std::string(kValidate), .takes_json = true, .for_known_clients = true});
  routes.push_back({.path = std::string(kMutate), .takes_json = true, .for_known_clients = true});
  return routes;
}

HttpHandler webhook_handler(WebhookWiring wiring) {
  return [wiring = std::move(wiring)](const HttpRequest& request) {
    if (request.path == kValidate) {
      return answer_review(ReviewKind::kValidate, request, wiring);
    }
    if (request.path == kMutate) {
      return answer_review(ReviewKind::kMutate, request, wiring);
    }
    if (request.path == kReadyz) {
      return answer_readiness(wiring);
    }
    return plain(200, "ok\n");
  };
}

}  // namespace signet
