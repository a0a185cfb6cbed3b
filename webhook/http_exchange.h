#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "webhook/http_framing.h"
#include "webhook/http_message.h"
#include "webhook/http_refusal.h"
#include "webhook/http_route.h"

namespace signet {

// From a complete request to the bytes of its answer. Safe from several threads at once.
class HttpExchange {
 public:
  HttpExchange(std::vector<HttpRoute> routes, HttpHandler handler, std::size_t max_body_bytes);

  // Whether answer() may be called, decided before the body is there. `known_client`: as find_route() has it.
  [[nodiscard]] tl::expected<void, HttpRefusal> admit(const HttpRequestHead& head, bool known_client) const;
  // `head` has been admitted and `body` is all of its body. `close` says in the answer that the connection ends with
  // it. An exception of the handler is answered with 500 and none of its text, which may hold a secret.
  [[nodiscard]] std::string answer(const HttpRequestHead& head, std::string_view body, bool close) const;

 private:
  std::vector<HttpRoute> routes_;
  HttpHandler handler_;
  std::size_t max_body_bytes_;
};

}  // namespace signet
