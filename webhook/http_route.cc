#include "webhook/http_route.h"

#include <algorithm>
#include <string_view>

#include "webhook/http_refusal.h"

namespace signet {
namespace {

// RFC 9110 §8.3: type and subtype are case-insensitive, parameters follow a semicolon.
bool is_json(std::string_view content_type) {
  std::string_view media = content_type.substr(0, content_type.find(';'));
  while (!media.empty() && (media.back() == ' ' || media.back() == '\t')) {
    media.remove_suffix(1);
  }
  return equals_ignoring_case(media, "application/json");
}

}  // namespace

tl::expected<void, HttpRefusal> find_route(const HttpRequestHead& head, std::span<const HttpRoute> routes,
                                           std::size_t max_body_bytes, bool known_client) {
  const auto route = std::find_if(routes.begin(), routes.end(),
                                  [&](const HttpRoute& candidate) { return candidate.path == head.path; });
  if (route == routes.end()) {
    return tl::unexpected(HttpRefusal{404, "no such path"});
  }
  if (route->for_known_clients && !known_client) {
    return tl::unexpected(HttpRefusal{403, "this path is for clients that show a certificate"});
  }
  const std::string_view method = route->takes_json ? "POST" : "GET";
  if (head.method != method) {
    return tl::unexpected(HttpRefusal{405, "this path does not take this method", method});
  }
  if (!route->takes_json) {
    if (head.content_length.value_or(0) > 0) {
      return tl::unexpected(HttpRefusal{413, "this path takes no body"});
    }
    return {};
  }
  if (!head.content_length) {
    return tl::unexpected(HttpRefusal{411, "a Content-Length is required"});
  }
  if (*head.content_length > max_body_bytes) {
    return tl::unexpected(HttpRefusal{413, "the body is larger than a review may be"});
  }
  if (!is_json(head.content_type)) {
    return tl::unexpected(HttpRefusal{415, "the body must be application/json"});
  }
  return {};
}

}  // namespace signet
