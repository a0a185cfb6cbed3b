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
};

// Whether this request is answered by one of `routes`, decided from its head alone: 404, 405, 411, 413 and 415.
[[nodiscard]] tl::expected<void, HttpRefusal> find_route(const HttpRequestHead& head, std::span<const HttpRoute> routes,
                                                         std::size_t max_body_bytes);

}  // namespace signet
