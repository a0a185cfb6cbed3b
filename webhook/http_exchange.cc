#include "webhook/http_exchange.h"

#include <httplib.h>

#include <utility>

#include "webhook/memory_stream.h"

namespace signet {
namespace {

constexpr HttpRefusal kInternalError{500, "internal error"};

// httplib takes paths as regular expressions; this one matches `path` alone.
std::string literal_pattern(std::string_view path) {
  std::string pattern;
  for (const char c : path) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (!plain) {
      pattern.push_back('\\');
    }
    pattern.push_back(c);
  }
  return pattern;
}

std::string head_text(const HttpRequestHead& head, std::size_t body_size) {
  std::string text = head.method;
  text.append(" ").append(head.path).append(" HTTP/1.1\r\n");
  if (!head.content_type.empty()) {
    text.append("Content-Type: ").append(head.content_type).append("\r\n");
  }
  text.append("Content-Length: ").append(std::to_string(body_size)).append("\r\n\r\n");
  return text;
}

void respond(const HttpHandler& handler, const httplib::Request& request, httplib::Response& response) {
  try {
    HttpResponse answer =
        handler(HttpRequest{request.method, request.path, request.get_header_value("Content-Type"), request.body});
    response.status = answer.status;
    response.set_content(answer.body, answer.content_type);
  } catch (...) {
    // What it says may hold a secret, and httplib would put it into a header.
    response.status = kInternalError.status;
    response.set_content("signet: internal error\n", "text/plain; charset=utf-8");
  }
}

}  // namespace

// Never listens: process_request is all that is used, and it is protected.
class HttpExchange::Server final : public httplib::Server {
 public:
  Server(const std::vector<HttpRoute>& routes, HttpHandler handler) : handler_(std::move(handler)) {
    const auto respond_here = [this](const httplib::Request& request, httplib::Response& response) {
      respond(handler_, request, response);
    };
    for (const HttpRoute& route : routes) {
      const std::string pattern = literal_pattern(route.path);
      if (route.takes_json) {
        Post(pattern, respond_here);
      } else {
        Get(pattern, respond_here);
      }
    }
    // It would promise five requests in five seconds, which are not our limits.
    set_post_routing_handler(
        [](const httplib::Request&, httplib::Response& response) { response.headers.erase("Keep-Alive"); });
  }

  tl::expected<std::string, HttpRefusal> answer(std::string_view head, std::string_view body, bool close) {
    MemoryStream stream(head, body);
    bool closed = false;
    if (!process_request(stream, close, closed, nullptr)) {
      return tl::unexpected(kInternalError);
    }
    return stream.take_written();
  }

 private:
  HttpHandler handler_;
};

HttpExchange::HttpExchange(std::vector<HttpRoute> routes, HttpHandler handler, std::size_t max_body_bytes)
    : routes_(std::move(routes)),
      max_body_bytes_(max_body_bytes),
      server_(std::make_unique<Server>(routes_, std::move(handler))) {}

HttpExchange::~HttpExchange() = default;

tl::expected<void, HttpRefusal> HttpExchange::admit(const HttpRequestHead& head, bool known_client) const {
  return find_route(head, routes_, max_body_bytes_, known_client);
}

tl::expected<std::string, HttpRefusal> HttpExchange::answer(const HttpRequestHead& head, std::string_view body,
                                                            bool close) {
  return server_->answer(head_text(head, body.size()), body, close);
}

}  // namespace signet
