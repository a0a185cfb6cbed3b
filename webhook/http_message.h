#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace signet {

// One complete request, its framing checked and its path known. Valid during the call of the handler.
struct HttpRequest {
  std::string_view method;
  // Without the query.
  std::string_view path;
  // Empty where the route takes no body.
  std::string_view content_type;
  std::string_view body;
};

struct HttpResponse {
  int status = 200;
  std::string content_type;
  std::string body;
};

// Called by several threads at once, in the thread that serves other connections too: it must not block. What it throws
// is answered with a 500 of fixed text.
using HttpHandler = std::function<HttpResponse(const HttpRequest&)>;

}  // namespace signet
