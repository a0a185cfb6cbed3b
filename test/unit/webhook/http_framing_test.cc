#include "webhook/http_framing.h"

#include <catch2/catch.hpp>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "webhook/http_route.h"

namespace signet {
namespace {

using namespace std::string_literals;

// The status of the refusal; 0 when the head is complete and sound, -1 when bytes are missing.
int outcome(const std::string& bytes, const HttpHeadLimits& limits = {}) {
  std::size_t scanned = 0;
  const auto end = find_head_end(bytes, scanned, limits);
  if (!end) {
    return end.error().status;
  }
  if (!*end) {
    return -1;
  }
  const auto head = parse_head(std::string_view(bytes).substr(0, **end), limits);
  return head ? 0 : head.error().status;
}

HttpRequestHead parsed(const std::string& bytes) {
  const auto head = parse_head(bytes, {});
  REQUIRE(head.has_value());
  return *head;
}

TEST_CASE("A head that two readers could read differently is refused") {
  struct Row {
    const char* name;
    std::string head;
    int expected;
  };
  const std::vector<Row> rows{
      {"sound", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", 0},
      {"HTTP/1.0 needs no Host", "GET / HTTP/1.0\r\n\r\n", 0},
      {"obs-text in a value", "GET / HTTP/1.1\r\nHost: a\r\nX: \xc3\xa4\r\n\r\n", 0},
      {"empty value", "GET / HTTP/1.1\r\nHost:\r\n\r\n", 0},
      {"tab around a value", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\t5\t\r\n\r\n", 0},

      {"bare LF after the request line", "GET / HTTP/1.1\nHost: a\r\n\r\n", 400},
      {"bare LF after a header", "GET / HTTP/1.1\r\nHost: a\n\r\n", 400},
      {"bare LF for the empty line", "GET / HTTP/1.1\r\nHost: a\r\n\n", 400},
      {"bare CR in a value", "GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n", 400},
      {"CR CR LF", "GET / HTTP/1.1\r\nHost: a\r\r\n\r\n", 400},
      {"NUL in a value", "GET / HTTP/1.1\r\nHost: a\0b\r\n\r\n"s, 400},
      {"NUL in the target", "GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n"s, 400},
      {"escape in a value", "GET / HTTP/1.1\r\nHost: \x1b[2J\r\n\r\n", 400},
      {"DEL in a value", "GET / HTTP/1.1\r\nHost: \x7f\r\n\r\n", 400},
      {"empty line first", "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"TLS inside TLS", "\x16\x03\x01\x02", 400},

      {"no version", "GET /\r\nHost: a\r\n\r\n", 400},
      {"no target", "GET HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"empty target", "GET  HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"two spaces", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"space in the target", "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"tab for a space", "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"leading space", " GET / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"method is no token", "G(T / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"version is none", "GET / FTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"version in lower case", "GET / http/1.1\r\nHost: a\r\n\r\n", 400},
      {"HTTP/2.0", "PRI * HTTP/2.0\r\n\r\n", 505},
      {"HTTP/1.10", "GET / HTTP/1.10\r\nHost: a\r\n\r\n", 505},
      {"absolute-form", "GET http://a/validate HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"authority-form", "CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"asterisk-form", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"fragment", "GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"target beyond ASCII", "GET /\xc3\xa4 HTTP/1.1\r\nHost: a\r\n\r\n", 400},

      {"no Host", "GET / HTTP/1.1\r\n\r\n", 400},
      {"two Hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400},
      {"two Hosts in HTTP/1.0", "GET / HTTP/1.0\r\nHost: a\r\nhost: b\r\n\r\n", 400},
      {"space before the colon", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length : 5\r\n\r\n", 400},
      {"obs-fold with a space", "GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n", 400},
      {"obs-fold with a tab", "GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n\tc\r\n\r\n", 400},
      {"no colon", "GET / HTTP/1.1\r\nHost: a\r\nX\r\n\r\n", 400},
      {"no name", "GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n", 400},
      {"name is no token", "GET / HTTP/1.1\r\nHost: a\r\nX[0]: b\r\n\r\n", 400},

      {"two Content-Lengths", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n", 400},
      {"Content-Length: +5", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\n", 400},
      {"Content-Length: -5", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -5\r\n\r\n", 400},
      {"Content-Length: 5, 5", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length:  5 ,5\r\n\r\n", 400},
      {"Content-Length: 0x5", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x5\r\n\r\n", 400},
      {"Content-Length: 5 5", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5 5\r\n\r\n", 400},
      {"Content-Length: %35", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %35\r\n\r\n", 400},
      {"Content-Length empty", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n", 400},
      {"Content-Length long and wrong",
       "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999999x\r\n\r\n", 400},
      {"two Content-Types", "POST / HTTP/1.1\r\nHost: a\r\nContent-Type: a/b\r\ncontent-type: a/b\r\n\r\n", 400},
      {"chunked", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", 501},
      {"identity", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\n\r\n", 501},
      {"chunked in HTTP/1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 501},
      {"Content-Length, then chunked",
       "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
      {"chunked, then Content-Length",
       "POST / HTTP/1.1\r\nHost: a\r\ntransfer-encoding: chunked\r\nContent-Length: 5\r\n\r\n", 400},
      {"gzip", "POST / HTTP/1.1\r\nHost: a\r\nContent-Encoding: gzip\r\n\r\n", 415},
      {"unknown expectation", "POST / HTTP/1.1\r\nHost: a\r\nExpect: 200-ok\r\n\r\n", 417},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    CHECK(outcome(row.head) == row.expected);
  }
}

TEST_CASE("A head is bounded in bytes, in headers and in the length of its target") {
  const HttpHeadLimits limits{.max_bytes = 200, .max_headers = 3, .max_target_bytes = 20};
  struct Row {
    const char* name;
    std::string head;
    int expected;
  };
  const std::string start = "GET / HTTP/1.1\r\nHost: a\r\n";
  const std::vector<Row> rows{
      {"three headers", start + "A: 1\r\nB: 2\r\n\r\n", 0},
      {"four headers", start + "A: 1\r\nB: 2\r\nC: 3\r\n\r\n", 431},
      {"as many bytes as there may be", start + "A: " + std::string(200 - start.size() - 7, 'x') + "\r\n\r\n", 0},
      {"one more", start + "A: " + std::string(200 - start.size() - 6, 'x') + "\r\n\r\n", 431},
      {"headers without end", start + std::string(1000, 'x'), 431},
      {"target as long as it may be", "GET /" + std::string(19, 'x') + " HTTP/1.1\r\nHost: a\r\n\r\n", 0},
      {"one more", "GET /" + std::string(20, 'x') + " HTTP/1.1\r\nHost: a\r\n\r\n", 414},
      {"target without end", "GET /" + std::string(1000, 'x'), 414},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    CHECK(outcome(row.head, limits) == row.expected);
  }
}

TEST_CASE("Where a head ends does not depend on how it arrives") {
  const std::string head = "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n";
  const std::string bytes = head + "{}";
  std::size_t scanned = 0;
  for (std::size_t received = 0; received < head.size(); ++received) {
    CAPTURE(received);
    const auto end = find_head_end(std::string_view(bytes).substr(0, received), scanned, {});
    REQUIRE(end.has_value());
    CHECK_FALSE(end->has_value());
  }
  for (const std::size_t received : {head.size(), bytes.size()}) {
    std::size_t from = scanned;
    const auto end = find_head_end(std::string_view(bytes).substr(0, received), from, {});
    REQUIRE(end.has_value());
    CHECK(*end == head.size());
  }
}

TEST_CASE("A bare LF is refused before the head is complete") { CHECK(outcome("GET / HTTP/1.1\nHost: a\n\n") == 400); }

TEST_CASE("A head is read for its method, path, body and connection") {
  const HttpRequestHead head = parsed(
      "POST /validate?timeout=3s HTTP/1.1\r\nHost: a\r\ncontent-TYPE: application/json; charset=utf-8 \r\n"
      "content-length: 0042\r\nAccept: */*\r\nExpect: 100-Continue\r\n\r\n");
  CHECK(head.method == "POST");
  CHECK(head.path == "/validate");
  CHECK(head.content_type == "application/json; charset=utf-8");
  CHECK(head.content_length == 42U);
  CHECK(head.keep_alive);
  CHECK(head.expects_continue);

  CHECK(parsed("GET / HTTP/1.1\r\nHost: a\r\n\r\n").content_length == std::nullopt);
  CHECK(parsed("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999999\r\n\r\n").content_length ==
        std::numeric_limits<std::uint64_t>::max());
  CHECK(parsed("GET /%76alidate HTTP/1.1\r\nHost: a\r\n\r\n").path == "/%76alidate");
  CHECK_FALSE(parsed("POST / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n").expects_continue);
}

TEST_CASE("A connection is kept as the version and the Connection headers say") {
  struct Row {
    std::string head;
    bool keep_alive;
  };
  const std::vector<Row> rows{
      {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", true},
      {"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", false},
      {"GET / HTTP/1.1\r\nHost: a\r\nConnection: Close\r\n\r\n", false},
      {"GET / HTTP/1.1\r\nHost: a\r\nConnection: TE, close\r\n\r\n", false},
      {"GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\nConnection: close\r\n\r\n", false},
      {"GET / HTTP/1.1\r\nHost: a\r\nConnection: closed\r\n\r\n", true},
      {"GET / HTTP/1.0\r\n\r\n", false},
      {"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", true},
      {"GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n", false},
  };
  for (const Row& row : rows) {
    CAPTURE(row.head);
    CHECK(parsed(row.head).keep_alive == row.keep_alive);
  }
}

TEST_CASE("A request is routed by its head alone") {
  const std::vector<HttpRoute> routes{{"/validate", true}, {"/livez", false}, {"/known", true, true}};
  constexpr std::size_t kMaxBody = 100;
  struct Row {
    const char* name;
    HttpRequestHead head;
    int expected;
    const char* allow;
    bool known_client = false;
  };
  const auto post = [](const char* path, const char* type, std::optional<std::uint64_t> length) {
    return HttpRequestHead{"POST", path, type, length, true, false};
  };
  const auto get = [](const char* method, const char* path, std::optional<std::uint64_t> length) {
    return HttpRequestHead{method, path, "", length, true, false};
  };
  const std::vector<Row> rows{
      {"review", post("/validate", "application/json", 100), 0, ""},
      {"parameters", post("/validate", "Application/JSON ; charset=utf-8", 2), 0, ""},
      {"probe", get("GET", "/livez", std::nullopt), 0, ""},
      {"probe with an empty body", get("GET", "/livez", 0), 0, ""},
      {"unknown path", post("/other", "application/json", 2), 404, ""},
      {"longer path", post("/validate/", "application/json", 2), 404, ""},
      {"shorter path", post("/valid", "application/json", 2), 404, ""},
      {"encoded path", post("/%76alidate", "application/json", 2), 404, ""},
      {"root", get("GET", "/", std::nullopt), 404, ""},
      {"GET of a review", get("GET", "/validate", std::nullopt), 405, "POST"},
      {"POST to a probe", post("/livez", "application/json", 2), 405, "GET"},
      {"HEAD of a probe", get("HEAD", "/livez", std::nullopt), 405, "GET"},
      {"method in lower case", get("get", "/livez", std::nullopt), 405, "GET"},
      {"no length", post("/validate", "application/json", std::nullopt), 411, ""},
      {"too large", post("/validate", "application/json", 101), 413, ""},
      {"body for a probe", get("GET", "/livez", 1), 413, ""},
      {"no type", post("/validate", "", 2), 415, ""},
      {"text", post("/validate", "text/plain", 2), 415, ""},
      {"longer type", post("/validate", "application/json-patch+json", 2), 415, ""},
      {"form", post("/validate", "multipart/form-data; boundary=x", 2), 415, ""},
      {"review by a known client", post("/known", "application/json", 100), 0, "", true},
      {"too large, by a known client", post("/known", "application/json", 101), 413, "", true},
      {"probe by a known client", get("GET", "/livez", std::nullopt), 0, "", true},
      {"a known client's route", post("/known", "application/json", 100), 403, ""},
      {"a known client's route, too large", post("/known", "application/json", 101), 403, ""},
      {"a known client's route, another method", get("GET", "/known", std::nullopt), 403, ""},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    const auto found = find_route(row.head, routes, kMaxBody, row.known_client);
    CHECK((found ? 0 : found.error().status) == row.expected);
    CHECK((found ? "" : std::string(found.error().allow)) == row.allow);
  }
}

}  // namespace
}  // namespace signet
