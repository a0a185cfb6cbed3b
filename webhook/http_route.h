#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <tl/expected.hpp>

#include "webhook/http_framing.h"
#include "webhook/http_refusal.h"

namespace signet {

// A path the server answers, compared byte by byte.
struct HttpRoute {
  std::string path;
  // POST with a body of type application/json; otherwise GET without a body. HEAD is not GET.
  bool takes_json = false;
  // Where clients are asked for certificates, only for those that showed one.
  bool for_known_clients = false;
};

// Whether this request is answered by one of `routes`, decided from its head alone: 403, 404, 405, 411, 413 and 415.
// `known_client` is false for one that was asked for a certificate and showed none.
[[nodiscard]] tl::expected<void, HttpRefusal> find_route(const HttpRequestHead& head, std::span<const HttpRoute> routes,
                                                         std::size_t max_body_bytes, bool known_client);

}  // namespace signet
