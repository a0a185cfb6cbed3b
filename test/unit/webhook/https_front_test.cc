#include "webhook/https_front.h"

#include <httplib.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <future>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "test/unit/webhook/front_client.h"

namespace signet {
namespace {

using namespace std::chrono_literals;
using test::Answer;
using test::eventually;
using test::RawClient;

const TlsIdentity& identity() {
  static const TlsIdentity made = test::make_identity();
  return made;
}

std::vector<HttpRoute> routes() { return {{"/validate", true}, {"/mutate", true}, {"/livez", false}}; }

HttpResponse echo(const HttpRequest& request) {
  std::string said(request.method);
  said.append(" ").append(request.path).append(" ").append(request.body);
  return {200, "application/json", said};
}

std::unique_ptr<HttpsFront> serve(const FrontLimits& limits = {}, HttpHandler handler = echo) {
  auto front = HttpsFront::start("127.0.0.1:0", identity(), limits, routes(), std::move(handler));
  REQUIRE(front.has_value());
  return *std::move(front);
}

std::string post(const std::string& body, const std::string& headers = "") {
  return "POST /validate?timeout=3s HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: " +
         std::to_string(body.size()) + "\r\n" + headers + "\r\n" + body;
}

TEST_CASE("A well-behaved client is answered again and again on one connection") {
  const auto front = serve();
  httplib::SSLClient client("127.0.0.1", front->port());
  client.enable_server_certificate_verification(false);
  client.set_keep_alive(true);
  client.set_tcp_nodelay(true);
  for (int i = 0; i < 200; ++i) {
    const std::string body = "{\"n\":" + std::to_string(i) + "}";
    const auto answer = client.Post("/validate?timeout=3s", body, "application/json");
    REQUIRE(answer);
    REQUIRE(answer->status == 200);
    REQUIRE(answer->body == "POST /validate " + body);
    REQUIRE(answer->get_header_value("Content-Type") == "application/json");
  }
  const auto alive = client.Get("/livez");
  REQUIRE(alive);
  CHECK(alive->body == "GET /livez ");
  CHECK(front->counts().accepted == 1);
}

TEST_CASE("A front that retires answers everybody as before, but each for the last time on a connection") {
  const auto front = serve();
  RawClient known(front->port());
  REQUIRE(known.handshake());
  REQUIRE(known.send(post("first")));
  auto answer = known.receive();
  REQUIRE(answer);
  CHECK(answer->head.find("\r\nConnection: close\r\n") == std::string::npos);
  front->retire();
  RawClient late(front->port());
  REQUIRE(late.handshake());
  for (RawClient* const client : {&known, &late}) {
    REQUIRE(client->send(post("last")));
    answer = client->receive();
    REQUIRE(answer);
    CHECK(answer->status == 200);
    CHECK(answer->body == "POST /validate last");
    CHECK(answer->head.find("\r\nConnection: close\r\n") != std::string::npos);
    CHECK(client->at_end());
  }
}

TEST_CASE("Requests of every allowed size arrive whole") {
  const auto front = serve({}, [](const HttpRequest& request) {
    const bool same = request.body.find_first_not_of('x') == std::string::npos;
    return HttpResponse{200, "text/plain", std::to_string(request.body.size()) + (same ? " x" : " other")};
  });
  RawClient client(front->port());
  REQUIRE(client.handshake());
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{16} << 10, (std::size_t{16} << 10) + 1,
                                 std::size_t{1} << 20, kMaxReviewBytes}) {
    CAPTURE(size);
    REQUIRE(client.send(post(std::string(size, 'x'))));
    const auto answer = client.receive();
    REQUIRE(answer);
    CHECK(answer->status == 200);
    CHECK(answer->body == std::to_string(size) + " x");
  }
}

TEST_CASE("A request of the largest size fits however little memory each loop is given") {
  FrontLimits limits;
  limits.threads = 8;
  limits.max_buffered_bytes = 1;
  const auto front = serve(limits);
  RawClient client(front->port());
  REQUIRE(client.handshake());
  REQUIRE(client.send(post(std::string(kMaxReviewBytes, 'x'))));
  CHECK(client.receive().value_or(Answer{}).status == 200);
}

TEST_CASE("A large answer arrives whole at a client that reads late") {
  const std::string large(std::size_t{20} << 20, 'y');
  const auto front = serve({}, [&](const HttpRequest&) { return HttpResponse{200, "text/plain", large}; });
  RawClient client(front->port());
  REQUIRE(client.handshake());
  REQUIRE(client.send(post("{}")));
  REQUIRE(eventually([&] { return front->counts().writing == 1; }));
  const auto answer = client.receive();
  REQUIRE(answer);
  CHECK(answer->body == large);
}

TEST_CASE("What is not a request for a known route is refused and the connection ends") {
  FrontLimits limits;
  limits.max_body_bytes = 1000;
  std::atomic<int> handled = 0;
  const auto front = serve(limits, [&](const HttpRequest& request) {
    ++handled;
    return echo(request);
  });
  struct Row {
    const char* name;
    std::string request;
    int expected;
  };
  const std::string json = "Content-Type: application/json\r\n";
  const std::vector<Row> rows{
      {"two Content-Lengths", post("{}", "Content-Length: 2\r\n"), 400},
      {"Content-Length and Transfer-Encoding", post("{}", "Transfer-Encoding: chunked\r\n"), 400},
      {"Transfer-Encoding",
       "POST /validate HTTP/1.1\r\nHost: a\r\n" + json + "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", 501},
      {"Content-Length: +5", "POST /validate HTTP/1.1\r\nHost: a\r\n" + json + "Content-Length: +5\r\n\r\n{   }", 400},
      {"Content-Length:  5 ,5", "POST /validate HTTP/1.1\r\nHost: a\r\n" + json + "Content-Length:  5 ,5\r\n\r\n{   }",
       400},
      {"space before the colon", "POST /validate HTTP/1.1\r\nHost: a\r\n" + json + "Content-Length : 5\r\n\r\n{   }",
       400},
      {"bare LF", "POST /validate HTTP/1.1\nHost: a\n\n", 400},
      {"absolute-form", "GET https://a/livez HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"obs-fold", "GET /livez HTTP/1.1\r\nHost: a\r\n b\r\n\r\n", 400},
      {"HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
      {"no HTTP", std::string(20'000, '\xff'), 414},
      {"unknown path", "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n", 404},
      {"unknown path, body to come", "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 900\r\n\r\n", 404},
      {"very long path", "GET /" + std::string(8000, 'a') + " HTTP/1.1\r\nHost: a\r\n\r\n", 414},
      {"path without end", "GET /" + std::string(100'000, 'a'), 414},
      {"wrong method", "PUT /validate HTTP/1.1\r\nHost: a\r\nContent-Length: 900\r\n\r\n", 405},
      {"large headers", "GET /livez HTTP/1.1\r\nHost: a\r\nX: " + std::string(20'000, 'a') + "\r\n\r\n", 431},
      {"many headers",
       "GET /livez HTTP/1.1\r\nHost: a\r\n" +
           []() {
             std::string many;
             for (int i = 0; i < 100; ++i) {
               many += "X: a\r\n";
             }
             return many;
           }() +
           "\r\n",
       431},
      {"body to come too large", "POST /validate HTTP/1.1\r\nHost: a\r\n" + json + "Content-Length: 1001\r\n\r\n", 413},
      {"body too large", post(std::string(1001, ' ')), 413},
      {"body of 8 MiB", post(std::string(std::size_t{8} << 20, ' ')), 413},
      {"length beyond 64 bits",
       "POST /validate HTTP/1.1\r\nHost: a\r\n" + json + "Content-Length: 18446744073709551616\r\n\r\n", 413},
      {"no length", "POST /validate HTTP/1.1\r\nHost: a\r\n" + json + "\r\n", 411},
      {"gzip", post("{}", "Content-Encoding: gzip\r\n"), 415},
      {"not JSON", "POST /validate HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\n{}",
       415},
      {"unknown expectation", post("{}", "Expect: the best\r\n"), 417},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    RawClient client(front->port());
    REQUIRE(client.handshake());
    // The server may end it before a large request is sent to its end.
    client.send(row.request);
    const auto answer = client.receive();
    REQUIRE(answer);
    CHECK(answer->status == row.expected);
    CHECK(answer->head.find("\r\nConnection: close\r\n") != std::string::npos);
    CHECK(answer->body.starts_with("signet: "));
    CHECK(client.at_end());
  }
  CHECK(handled == 0);

  RawClient after(front->port());
  REQUIRE(after.handshake());
  REQUIRE(after.send(post("{}")));
  CHECK(after.receive().value_or(Answer{}).status == 200);
}

TEST_CASE("A 405 names the method that is allowed") {
  const auto front = serve();
  RawClient client(front->port());
  REQUIRE(client.handshake());
  REQUIRE(client.send("DELETE /validate HTTP/1.1\r\nHost: a\r\n\r\n"));
  CHECK(client.receive().value_or(Answer{}).head.find("\r\nAllow: POST\r\n") != std::string::npos);
}

TEST_CASE("Headers that httplib would act on do nothing") {
  const auto front = serve();
  RawClient client(front->port());
  REQUIRE(client.handshake());
  REQUIRE(client.send(post(
      "{}", "Range: bytes=0-1\r\nAccept-Encoding: gzip, br\r\nX-Http-Method-Override: PUT\r\nLocation: %0d%0a\r\n")));
  const auto answer = client.receive();
  REQUIRE(answer);
  CHECK(answer->status == 200);
  CHECK(answer->body == "POST /validate {}");
  CHECK(answer->head.find("Content-Encoding") == std::string::npos);
  CHECK(answer->head.find("Keep-Alive") == std::string::npos);
}

TEST_CASE("A client that waits for 100 Continue gets it when its head is acceptable") {
  const auto front = serve();
  RawClient client(front->port());
  REQUIRE(client.handshake());
  for (int i = 0; i < 2; ++i) {
    const std::string request = post("{\"a\":1}", "Expect: 100-continue\r\n");
    REQUIRE(client.send(request.substr(0, request.size() - 7)));
    REQUIRE(client.receive_continue());
    REQUIRE(client.send(request.substr(request.size() - 7)));
    CHECK(client.receive().value_or(Answer{}).body == "POST /validate {\"a\":1}");
  }

  SECTION("and not when the body is there already") {
    REQUIRE(client.send(post("{}", "Expect: 100-continue\r\n")));
    CHECK(client.receive().value_or(Answer{}).status == 200);
  }
  SECTION("and the refusal alone when it is not") {
    REQUIRE(client.send("POST /other HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"));
    CHECK(client.receive().value_or(Answer{}).status == 404);
    CHECK(client.at_end());
  }
}

TEST_CASE("Requests sent without waiting are answered in their order") {
  const auto front = serve();
  RawClient client(front->port());
  REQUIRE(client.handshake());
  std::string requests;
  for (int i = 0; i < 50; ++i) {
    requests += post(std::to_string(i));
  }
  requests += "GET /livez HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" + post("never");
  REQUIRE(client.send(requests));
  for (int i = 0; i < 50; ++i) {
    REQUIRE(client.receive().value_or(Answer{}).body == "POST /validate " + std::to_string(i));
  }
  const auto last = client.receive();
  REQUIRE(last);
  CHECK(last->body == "GET /livez ");
  CHECK(last->head.find("\r\nConnection: close\r\n") != std::string::npos);
  CHECK(client.at_end());
}

TEST_CASE("A request in pieces of one byte is answered") {
  const auto front = serve();
  RawClient client(front->port());
  REQUIRE(client.handshake());
  for (const char byte : post("{\"a\":1}")) {
    REQUIRE(client.send(std::string(1, byte)));
  }
  CHECK(client.receive().value_or(Answer{}).body == "POST /validate {\"a\":1}");
}

TEST_CASE("An HTTP/1.0 request is answered and its connection ends") {
  const auto front = serve();
  RawClient client(front->port());
  REQUIRE(client.handshake());
  REQUIRE(client.send("GET /livez HTTP/1.0\r\n\r\n"));
  CHECK(client.receive().value_or(Answer{}).status == 200);
  CHECK(client.at_end());
}

TEST_CASE("What a handler throws is answered with a fixed text and harms nobody else") {
  const auto front = serve({}, [](const HttpRequest& request) -> HttpResponse {
    if (request.body == "runtime_error") {
      throw std::runtime_error("secret");
    }
    if (request.body == "int") {
      throw 42;
    }
    return echo(request);
  });
  RawClient client(front->port());
  REQUIRE(client.handshake());
  for (const char* body : {"runtime_error", "int"}) {
    CAPTURE(body);
    REQUIRE(client.send(post(body)));
    const auto answer = client.receive();
    REQUIRE(answer);
    CHECK(answer->status == 500);
    CHECK(answer->body == "signet: internal error\n");
    CHECK(answer->head.find("secret") == std::string::npos);
  }
  REQUIRE(client.send(post("{}")));
  CHECK(client.receive().value_or(Answer{}).status == 200);
}

TEST_CASE("Many clients at once each get their own answers") {
  FrontLimits limits;
  limits.threads = 2;
  const auto front = serve(limits);
  std::vector<std::future<int>> clients;
  for (int c = 0; c < 8; ++c) {
    clients.push_back(std::async(std::launch::async, [&, c] {
      RawClient client(front->port());
      int right = 0;
      if (!client.handshake()) {
        return right;
      }
      for (int i = 0; i < 100; ++i) {
        const std::string body = std::to_string(c) + "/" + std::to_string(i);
        right += client.send(post(body)) && client.receive().value_or(Answer{}).body == "POST /validate " + body;
      }
      return right;
    }));
  }
  for (auto& client : clients) {
    CHECK(client.get() == 100);
  }
}

TEST_CASE("A new identity is shown to new connections only, and a bad one is refused") {
  const auto front = serve();
  RawClient before(front->port());
  REQUIRE(before.handshake());
  CHECK_FALSE(front->set_identity({"", ""}).has_value());
  REQUIRE(front->set_identity(test::make_identity()).has_value());
  REQUIRE(before.send(post("{}")));
  CHECK(before.receive().value_or(Answer{}).status == 200);
  RawClient after(front->port());
  REQUIRE(after.handshake());
  CHECK(after.peer_certificate() != before.peer_certificate());
}

TEST_CASE("A front that cannot serve says why") {
  const auto running = serve();
  const std::string taken = "127.0.0.1:" + std::to_string(running->port());
  const TlsIdentity other = test::make_identity();
  const std::string& certificate = identity().certificate_pem;
  const std::string& key = identity().key_pem;
  struct Row {
    const char* name;
    std::string address;
    TlsIdentity identity;
    const char* expected;
  };
  const std::vector<Row> rows{
      {"port taken", taken, identity(), "Address already in use"},
      {"no port", "127.0.0.1", identity(), "must be IPV4:PORT or [IPV6]:PORT"},
      {"empty", "", identity(), "must be IPV4:PORT or [IPV6]:PORT"},
      {"port too large", "127.0.0.1:65536", identity(), "must be IPV4:PORT or [IPV6]:PORT"},
      {"port with a sign", "127.0.0.1:+1", identity(), "must be IPV4:PORT or [IPV6]:PORT"},
      {"name", "localhost:0", identity(), "must be IPV4:PORT or [IPV6]:PORT"},
      {"IPv6 without brackets", "::1:0", identity(), "must be IPV4:PORT or [IPV6]:PORT"},
      {"not an address of this machine", "192.0.2.1:0", identity(), "Cannot assign requested address"},
      {"no certificate", "127.0.0.1:0", {"", key}, "TLS certificate: no PEM block CERTIFICATE"},
      {"garbage for a certificate", "127.0.0.1:0", {"garbage", key}, "TLS certificate: no PEM block CERTIFICATE"},
      {"key for a certificate", "127.0.0.1:0", {key, key}, "TLS certificate: no PEM block CERTIFICATE"},
      {"certificate cut off",
       "127.0.0.1:0",
       {certificate.substr(0, certificate.size() / 2), key},
       "TLS certificate 1: "},
      {"second certificate damaged",
       "127.0.0.1:0",
       {certificate + "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", key},
       "TLS certificate 2: "},
      {"no key", "127.0.0.1:0", {certificate, ""}, "TLS key: not an unencrypted private key"},
      {"garbage for a key", "127.0.0.1:0", {certificate, "garbage"}, "TLS key: not an unencrypted private key"},
      {"certificate for a key", "127.0.0.1:0", {certificate, certificate}, "TLS key: not an unencrypted private key"},
      {"another's key", "127.0.0.1:0", {certificate, other.key_pem}, "TLS key: key values mismatch"},
      {"garbage for client CAs", "127.0.0.1:0", {certificate, key, "garbage"}, "client CA: "},
      {"a key for a client CA", "127.0.0.1:0", {certificate, key, key}, "client CA: "},
      {"client CA cut off",
       "127.0.0.1:0",
       {certificate, key, certificate.substr(0, certificate.size() / 2)},
       "client CA: "},
      {"huge", "127.0.0.1:0", {std::string(std::size_t{2} << 20, 'x'), key}, "TLS certificate: larger than 1 MiB"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    const auto front = HttpsFront::start(row.address, row.identity, {}, routes(), echo);
    REQUIRE_FALSE(front.has_value());
    CHECK_THAT(front.error(), Catch::Matchers::Contains(row.expected));
  }
}

TEST_CASE("An IPv6 address serves IPv4 too") {
  const auto front = HttpsFront::start("[::]:0", identity(), {}, routes(), echo);
  REQUIRE(front.has_value());
  RawClient client((*front)->port());
  REQUIRE(client.handshake());
  REQUIRE(client.send(post("{}")));
  CHECK(client.receive().value_or(Answer{}).status == 200);
}

}  // namespace
}  // namespace signet
