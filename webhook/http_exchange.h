#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "webhook/http_framing.h"
#include "webhook/http_message.h"
#include "webhook/http_refusal.h"
#include "webhook/http_route.h"

namespace signet {

// From a complete request to the bytes of its answer. httplib parses, routes and serialises; it never sees a byte of
// the request but method, path and content type that passed our framing, and the body. Safe from several threads at
// once.
class HttpExchange {
 public:
  HttpExchange(std::vector<HttpRoute> routes, HttpHandler handler, std::size_t max_body_bytes);
  ~HttpExchange();
  HttpExchange(const HttpExchange&) = delete;
  HttpExchange& operator=(const HttpExchange&) = delete;

  // Whether answer() may be called, decided before the body is there. `known_client`: as find_route() has it.
  [[nodiscard]] tl::expected<void, HttpRefusal> admit(const HttpRequestHead& head, bool known_client) const;
  // `head` has been admitted and `body` is all of its body. `close` says in the answer that the connection ends with
  // it.
  // The refusal, a 500, is for an httplib that does not read what we gave it.
  [[nodiscard]] tl::expected<std::string, HttpRefusal> answer(const HttpRequestHead& head, std::string_view body,
                                                              bool close);

 private:
  class Server;

  std::vector<HttpRoute> routes_;
  std::size_t max_body_bytes_;
  std::unique_ptr<Server> server_;
};

}  // namespace signet
