#include "signer/kube/kube_error.h"

#include <charconv>

namespace signet {
namespace {

// An API server's message may quote a whole object.
constexpr std::size_t kMaxMessageBytes = 2048;

KubeError::Kind kind_of(int http_status) {
  using Kind = KubeError::Kind;
  switch (http_status) {
    case 400:
    case 422:
      return Kind::kInvalid;
    case 401:
      return Kind::kUnauthorized;
    case 403:
      return Kind::kForbidden;
    case 404:
      return Kind::kNotFound;
    case 409:
      return Kind::kConflict;
    case 410:
      return Kind::kGone;
    case 429:
      return Kind::kTooManyRequests;
    default:
      return http_status >= 500 && http_status <= 599 ? Kind::kServer : Kind::kBadResponse;
  }
}

// Only the form in seconds (RFC 9110 §10.2.3) is in use among API servers.
std::optional<std::chrono::seconds> parse_retry_after(std::string_view text) {
  unsigned seconds = 0;
  const auto [stop, failure] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (failure != std::errc() || stop != text.data() + text.size()) return std::nullopt;
  return std::chrono::seconds(seconds);
}

KubeError make_error(int http_status, JsonView status) {
  KubeError error;
  error.kind = kind_of(http_status);
  error.http_status = http_status;
  error.message = status.get("message").as_string().value_or("").substr(0, kMaxMessageBytes);
  if (error.message.empty()) error.message = "HTTP status " + std::to_string(http_status);
  return error;
}

}  // namespace

bool KubeError::is_transient() const {
  return kind == Kind::kUnauthorized || kind == Kind::kTooManyRequests || kind == Kind::kServer ||
         kind == Kind::kTransport;
}

KubeError kube_error_from_response(int http_status, std::string_view body, std::string_view retry_after) {
  const auto document = JsonDocument::parse(body);
  KubeError error = make_error(http_status, document ? document->root() : JsonView());
  error.retry_after = parse_retry_after(retry_after);
  return error;
}

KubeError kube_error_from_status(JsonView status) {
  const std::int64_t code = status.get("code").as_int64().value_or(0);
  KubeError error = make_error(code >= 100 && code <= 599 ? static_cast<int>(code) : 0, status);
  if (const auto seconds = status.at("details", "retryAfterSeconds").as_int64(); seconds && *seconds > 0) {
    error.retry_after = std::chrono::seconds(*seconds);
  }
  return error;
}

}  // namespace signet
