#include "webhook/http_framing.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <system_error>

namespace signet {
namespace {

tl::unexpected<HttpRefusal> refuse(int status, std::string_view rule) {
  return tl::unexpected(HttpRefusal{status, rule});
}

char to_lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

// RFC 9110 §5.6.2.
constexpr std::string_view kTokenPunctuation = "!#$%&'*+-.^_`|~";

bool is_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           kTokenPunctuation.find(c) != std::string_view::npos;
  });
}

std::string_view trim(std::string_view text) {
  constexpr std::string_view kWhitespace = " \t";
  const std::size_t first = text.find_first_not_of(kWhitespace);
  if (first == std::string_view::npos) {
    return {};
  }
  return text.substr(first, text.find_last_not_of(kWhitespace) - first + 1);
}

// Cuts the line off the front of `rest`; find_head_end has seen to it that every line ends in CRLF.
std::string_view take_line(std::string_view& rest) {
  const std::size_t end = rest.find("\r\n");
  const std::string_view line = rest.substr(0, end);
  rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 2);
  return line;
}

// Whether a comma-separated list has this element (RFC 9110 §5.6.1).
bool list_has(std::string_view list, std::string_view wanted) {
  while (!list.empty()) {
    const std::size_t comma = list.find(',');
    if (equals_ignoring_case(trim(list.substr(0, comma)), wanted)) {
      return true;
    }
    list.remove_prefix(comma == std::string_view::npos ? list.size() : comma + 1);
  }
  return false;
}

struct RequestLine {
  std::string_view method;
  std::string_view path;
  bool is_http_1_1 = false;
};

// RFC 9112 §3, with the origin-form (§3.2.1) as the only target.
tl::expected<RequestLine, HttpRefusal> parse_request_line(std::string_view line, const HttpHeadLimits& limits) {
  const std::size_t method_end = line.find(' ');
  const std::size_t target_end = line.rfind(' ');
  if (method_end == std::string_view::npos || target_end == method_end) {
    return refuse(400, "the request line must be a method, a target and a version");
  }
  RequestLine parsed;
  parsed.method = line.substr(0, method_end);
  const std::string_view target = line.substr(method_end + 1, target_end - method_end - 1);
  const std::string_view version = line.substr(target_end + 1);
  if (!is_token(parsed.method)) {
    return refuse(400, "the method must be a token");
  }
  if (version == "HTTP/1.1") {
    parsed.is_http_1_1 = true;
  } else if (version != "HTTP/1.0") {
    return version.starts_with("HTTP/") ? refuse(505, "the version must be HTTP/1.1 or HTTP/1.0")
                                        : refuse(400, "the request line must end in a version");
  }
  if (target.size() > limits.max_target_bytes) {
    return refuse(414, "the target is too long");
  }
  const bool visible =
      std::all_of(target.begin(), target.end(), [](char c) { return c > ' ' && c <= '~' && c != '#'; });
  if (!visible || !target.starts_with('/')) {
    return refuse(400, "the target must be a path");
  }
  parsed.path = target.substr(0, target.find('?'));
  return parsed;
}

// The headers that framing rests on, as far as they have been seen.
struct FramingHeaders {
  std::optional<std::string_view> host;
  std::optional<std::string_view> content_length;
  std::optional<std::string_view> content_type;
  bool transfer_encoding = false;
  bool content_encoding = false;
  bool unknown_expectation = false;
  bool close = false;
  bool keep_alive = false;
  bool expects_continue = false;
};

// False when the header is one that may not be repeated and has been there before.
bool take_header(std::string_view name, std::string_view value, FramingHeaders& headers) {
  const auto once = [&](std::optional<std::string_view>& place) {
    const bool first = !place.has_value();
    place = value;
    return first;
  };
  if (equals_ignoring_case(name, "Host")) {
    return once(headers.host);
  }
  if (equals_ignoring_case(name, "Content-Length")) {
    return once(headers.content_length);
  }
  if (equals_ignoring_case(name, "Content-Type")) {
    return once(headers.content_type);
  }
  if (equals_ignoring_case(name, "Transfer-Encoding")) {
    headers.transfer_encoding = true;
  } else if (equals_ignoring_case(name, "Content-Encoding")) {
    headers.content_encoding = true;
  } else if (equals_ignoring_case(name, "Expect")) {
    const bool known = equals_ignoring_case(value, "100-continue");
    headers.expects_continue = known;
    headers.unknown_expectation = headers.unknown_expectation || !known;
  } else if (equals_ignoring_case(name, "Connection")) {
    headers.close = headers.close || list_has(value, "close");
    headers.keep_alive = headers.keep_alive || list_has(value, "keep-alive");
  }
  return true;
}

tl::expected<FramingHeaders, HttpRefusal> parse_headers(std::string_view rest, const HttpHeadLimits& limits) {
  FramingHeaders headers;
  std::size_t count = 0;
  for (std::string_view line = take_line(rest); !line.empty(); line = take_line(rest)) {
    if (++count > limits.max_headers) {
      return refuse(431, "there are too many headers");
    }
    // A line that begins with white space (obs-fold, RFC 9112 §5.2) and a space before the colon (§5.1) fail as names.
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos || !is_token(line.substr(0, colon))) {
      return refuse(400, "a header must be a name, a colon and a value on one line");
    }
    if (!take_header(line.substr(0, colon), trim(line.substr(colon + 1)), headers)) {
      return refuse(400, "Host, Content-Length and Content-Type may not be repeated");
    }
  }
  return headers;
}

tl::expected<std::optional<std::uint64_t>, HttpRefusal> parse_content_length(std::optional<std::string_view> text) {
  if (!text) {
    return std::nullopt;
  }
  std::uint64_t value = 0;
  const char* const end = text->data() + text->size();
  const auto [parsed_to, error] = std::from_chars(text->data(), end, value);
  if (error == std::errc::invalid_argument || parsed_to != end) {
    return refuse(400, "Content-Length must be digits");
  }
  return error == std::errc::result_out_of_range ? std::numeric_limits<std::uint64_t>::max() : value;
}

}  // namespace

bool equals_ignoring_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) { return to_lower(x) == to_lower(y); });
}

tl::expected<std::optional<std::size_t>, HttpRefusal> find_head_end(std::string_view received, std::size_t& scanned,
                                                                    const HttpHeadLimits& limits) {
  const std::size_t end = std::min(received.size(), limits.max_bytes);
  for (; scanned < end; ++scanned) {
    const auto byte = static_cast<unsigned char>(received[scanned]);
    const bool after_cr = scanned > 0 && received[scanned - 1] == '\r';
    if (after_cr != (byte == '\n')) {
      return refuse(400, "lines must end in CRLF");
    }
    if (byte == '\n') {
      if (received.substr(0, scanned + 1).ends_with("\r\n\r\n")) {
        return ++scanned;
      }
      if (scanned == 1) {
        return refuse(400, "the request line is empty");
      }
    } else if ((byte < 0x20 && byte != '\t' && byte != '\r') || byte == 0x7f) {
      return refuse(400, "the head holds a control character");
    }
  }
  if (received.size() < limits.max_bytes) {
    return std::nullopt;
  }
  return received.substr(0, end).find('\n') == std::string_view::npos ? refuse(414, "the target is too long")
                                                                      : refuse(431, "the headers are too large");
}

tl::expected<HttpRequestHead, HttpRefusal> parse_head(std::string_view head, const HttpHeadLimits& limits) {
  const auto line = parse_request_line(take_line(head), limits);
  if (!line) {
    return tl::unexpected(line.error());
  }
  const auto headers = parse_headers(head, limits);
  if (!headers) {
    return tl::unexpected(headers.error());
  }
  if (line->is_http_1_1 && !headers->host) {
    return refuse(400, "HTTP/1.1 requires a Host");
  }
  if (headers->transfer_encoding) {
    return headers->content_length ? refuse(400, "Content-Length and Transfer-Encoding exclude each other")
                                   : refuse(501, "Transfer-Encoding is not taken");
  }
  const auto content_length = parse_content_length(headers->content_length);
  if (!content_length) {
    return tl::unexpected(content_length.error());
  }
  if (headers->content_encoding) {
    return refuse(415, "Content-Encoding is not taken");
  }
  if (headers->unknown_expectation) {
    return refuse(417, "no expectation but 100-continue is met");
  }
  HttpRequestHead parsed;
  parsed.method = line->method;
  parsed.path = line->path;
  parsed.content_type = headers->content_type.value_or("");
  parsed.content_length = *content_length;
  parsed.keep_alive = !headers->close && (line->is_http_1_1 || headers->keep_alive);
  // An HTTP/1.0 client does not know the interim answer (RFC 9110 §10.1.1).
  parsed.expects_continue = line->is_http_1_1 && headers->expects_continue;
  return parsed;
}

}  // namespace signet
