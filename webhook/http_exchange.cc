#include "webhook/http_exchange.h"

#include <utility>

#include "webhook/http_status.h"

namespace signet {
namespace {

HttpResponse answered_by(const HttpHandler& handler, const HttpRequestHead& head, std::string_view body) {
  try {
    return handler({.method = head.method, .path = head.path, .content_type = head.content_type, .body = body});
  } catch (...) {
    return {.status = 500, .content_type = "text/plain; charset=utf-8", .body = "signet: internal error\n"};
  }
}

}  // namespace

HttpExchange::HttpExchange(std::vector<HttpRoute> routes, HttpHandler handler, std::size_t max_body_bytes)
    : routes_(std::move(routes)), handler_(std::move(handler)), max_body_bytes_(max_body_bytes) {}

tl::expected<void, HttpRefusal> HttpExchange::admit(const HttpRequestHead& head, bool known_client) const {
  return find_route(head, routes_, max_body_bytes_, known_client);
}

std::string HttpExchange::answer(const HttpRequestHead& head, std::string_view body, bool close) const {
  const HttpResponse response = answered_by(handler_, head, body);
  std::string text = "HTTP/1.1 " + std::to_string(response.status) + " ";
  text.append(reason_phrase(response.status));
  text.append("\r\nContent-Type: ").append(response.content_type);
  text.append("\r\nContent-Length: ").append(std::to_string(response.body.size()));
  text.append(close ? "\r\nConnection: close\r\n\r\n" : "\r\n\r\n").append(response.body);
  return text;
}

}  // namespace signet
