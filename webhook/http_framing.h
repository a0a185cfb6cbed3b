#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "webhook/http_refusal.h"

namespace signet {

// What the head of a request may cost.
struct HttpHeadLimits {
  // Request line, headers and the empty line. The API server sends some 300 bytes; 16 KiB is what servers commonly
  // take.
  std::size_t max_bytes = std::size_t{16} << 10;
  // The API server sends seven, a proxy on the way adds a handful.
  std::size_t max_headers = 64;
  // Our longest path is nine bytes, and the API server adds `?timeout=3s`.
  std::size_t max_target_bytes = 1024;
};

// What framing and routing need of the head of an HTTP/1.1 or HTTP/1.0 request; every other header is checked and
// dropped.
struct HttpRequestHead {
  std::string method;
  // The target up to the query, as it was sent: never decoded.
  std::string path;
  std::string content_type;
  // Saturated at the largest value when the digits say more.
  std::optional<std::uint64_t> content_length;
  // The connection may be used again after the answer (RFC 9112 §9.3).
  bool keep_alive = false;
  // The client waits for `100 Continue` before it sends the body (RFC 9110 §10.1.1).
  bool expects_continue = false;
};

// Finds where the head at the start of `received` ends, just after its empty line; nullopt while bytes are missing.
// `scanned` remembers between calls how far it has looked: 0 for a new request. A line that does not end in CRLF, a CR
// alone, a NUL or another control character is refused at once, and so is a head beyond the limits.
[[nodiscard]] tl::expected<std::optional<std::size_t>, HttpRefusal> find_head_end(std::string_view received,
                                                                                  std::size_t& scanned,
                                                                                  const HttpHeadLimits& limits);

// Reads a head that find_head_end has delimited. There is one reading of a body's length: a single Content-Length of
// digits (RFC 9112 §6); Transfer-Encoding and Content-Encoding are refused, and so is whatever two readers could read
// differently.
[[nodiscard]] tl::expected<HttpRequestHead, HttpRefusal> parse_head(std::string_view head,
                                                                    const HttpHeadLimits& limits);

// ASCII only, as field names and media types are.
[[nodiscard]] bool equals_ignoring_case(std::string_view a, std::string_view b);

}  // namespace signet
