#include "tools/signet/metrics/metrics_server.h"

#include <arpa/inet.h>
#include <httplib.h>
#include <sys/socket.h>

#include <bit>
#include <catch2/catch.hpp>

using namespace signet;

namespace {

constexpr std::string_view kText = "signet_build_info 1\n";

std::unique_ptr<MetricsServer> serve(const MetricsServer::Limits& limits = {}, std::string text = std::string(kText)) {
  return MetricsServer::start("127.0.0.1:0", limits, [text = std::move(text)] { return text; }).value();
}

/// A connection on which a test sends what it likes.
class Peer {
 public:
  explicit Peer(const MetricsServer& server) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(server.port());
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::connect(fd_.get(), std::bit_cast<const sockaddr*>(&address), sizeof address) == 0);
  }

  void send(std::string_view bytes) const { ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL); }

  /// Until the server closes.
  [[nodiscard]] std::string receive() const {
    std::string all;
    std::array<char, 4096> buffer{};
    for (ssize_t count = 0; (count = ::recv(fd_.get(), buffer.data(), buffer.size(), 0)) > 0;) {
      all.append(buffer.data(), static_cast<std::size_t>(count));
    }
    return all;
  }

 private:
  UniqueFd fd_;
};

std::string status_of(const std::string& answer) { return answer.substr(0, answer.find("\r\n")); }

}  // namespace

TEST_CASE("metrics are served to an HTTP client, one request a connection") {
  const auto server = serve();
  httplib::Client client("127.0.0.1", server->port());
  client.set_keep_alive(true);
  for (int i = 0; i < 3; ++i) {
    const auto response = client.Get("/metrics");
    REQUIRE(response);
    CHECK(response->status == 200);
    CHECK(response->body == kText);
    CHECK(response->get_header_value("Content-Type") == "text/plain; version=0.0.4; charset=utf-8");
    CHECK(response->get_header_value("Connection") == "close");
  }
}

TEST_CASE("nothing else is served") {
  struct Row {
    std::string request, status;
  };
  const std::vector<Row> rows = {
      {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 404 Not Found"},
      {"GET /metrics/ HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 404 Not Found"},
      {"GET /%6detrics HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 404 Not Found"},
      {"POST /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 405 Method Not Allowed"},
      {"GET /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n", "HTTP/1.1 413 Content Too Large"},
      {"GET /metrics HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", "HTTP/1.1 501 Not Implemented"},
      {"GET /metrics HTTP/2.0\r\nHost: a\r\n\r\n", "HTTP/1.1 505 HTTP Version Not Supported"},
      {"\x16\x03\x01\r\n\r\n", "HTTP/1.1 400 Bad Request"},
  };
  const auto server = serve();
  for (const Row& row : rows) {
    INFO(row.request);
    const Peer peer(*server);
    peer.send(row.request);
    CHECK(status_of(peer.receive()) == row.status);
  }
}

TEST_CASE("a head without end is refused at its limit") {
  const auto server = serve({.connections = 32, .patience = std::chrono::hours(1), .head = {.max_bytes = 1024}});
  const Peer peer(*server);
  peer.send("GET /metrics HTTP/1.1\r\n");
  peer.send("A: " + std::string(1024, 'a'));
  CHECK(status_of(peer.receive()) == "HTTP/1.1 431 Request Header Fields Too Large");
}

TEST_CASE("who is slow is given up") {
  const auto server = serve({.connections = 32, .patience = std::chrono::milliseconds(1), .head = {}});
  const Peer silent(*server);
  CHECK(silent.receive().empty());
}

TEST_CASE("when all connections are taken the oldest makes room") {
  const auto server = serve({.connections = 2, .patience = std::chrono::hours(1), .head = {}});
  const Peer first(*server);
  const Peer second(*server);
  const Peer third(*server);
  CHECK(first.receive().empty());
  third.send("GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n");
  CHECK(status_of(third.receive()) == "HTTP/1.1 200 OK");
  second.send("GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n");
  CHECK(status_of(second.receive()) == "HTTP/1.1 200 OK");
}

TEST_CASE("an answer larger than the socket's buffer arrives whole") {
  const std::string large(std::size_t{16} << 20, 'x');
  const auto server = serve({}, large);
  httplib::Client client("127.0.0.1", server->port());
  const auto response = client.Get("/metrics");
  REQUIRE(response);
  CHECK(response->body == large);
}

TEST_CASE("what fails is answered with a fixed text") {
  const auto server =
      MetricsServer::start("127.0.0.1:0", {}, []() -> std::string { throw std::runtime_error("a secret"); }).value();
  httplib::Client client("127.0.0.1", server->port());
  const auto response = client.Get("/metrics");
  REQUIRE(response);
  CHECK(response->status == 500);
  CHECK(response->body == "signet: internal error\n");
}

TEST_CASE("an address that cannot be listened on is an error") {
  const auto server = serve();
  const std::string taken = "127.0.0.1:" + std::to_string(server->port());
  for (const std::string& address : {taken, std::string("metrics:9090"), std::string("")}) {
    INFO(address);
    CHECK_FALSE(MetricsServer::start(address, {}, [] { return std::string(); }));
  }
}
