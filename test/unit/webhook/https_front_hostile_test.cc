#include <openssl/ssl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <deque>
#include <future>
#include <latch>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "test/unit/webhook/front_client.h"
#include "webhook/https_front.h"

namespace signet {
namespace {

using namespace std::chrono_literals;
using test::Answer;
using test::eventually;
using test::RawClient;

// Where strangers come from who are not where the clients are.
constexpr const char* kStranger = "127.0.0.2";

const TlsIdentity& identity() {
  static const TlsIdentity made = test::make_identity();
  return made;
}

HttpResponse echo(const HttpRequest& request) { return {200, "text/plain", std::string(request.body)}; }

std::unique_ptr<HttpsFront> serve(const FrontLimits& limits, HttpHandler handler = echo) {
  auto front = HttpsFront::start("127.0.0.1:0", identity(), limits, {{"/validate", true}, {"/livez", false}},
                                 std::move(handler));
  REQUIRE(front.has_value());
  return *std::move(front);
}

std::string head(std::size_t body_size) {
  return "POST /validate HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: " +
         std::to_string(body_size) + "\r\n\r\n";
}

bool is_served(RawClient& client) {
  return client.send(head(2) + "{}") && client.receive().value_or(Answer{}).body == "{}";
}

// Has so many more come, each with a review that was answered.
void add_served(std::deque<RawClient>& clients, int count, const HttpsFront& front, const char* source = "127.0.0.1") {
  for (int i = 0; i < count; ++i) {
    clients.emplace_back(front.port(), source);
    REQUIRE(clients.back().handshake());
    REQUIRE(is_served(clients.back()));
  }
}

TEST_CASE("Only TLS 1.2 and 1.3 are spoken") {
  const auto front = serve({});
  struct Row {
    int version;
    bool expected;
  };
  for (const Row row :
       {Row{TLS1_VERSION, false}, Row{TLS1_1_VERSION, false}, Row{TLS1_2_VERSION, true}, Row{TLS1_3_VERSION, true}}) {
    CAPTURE(row.version);
    RawClient client(front->port());
    CHECK(client.handshake(row.version) == row.expected);
    if (row.expected) {
      CHECK(is_served(client));
    }
  }
}

TEST_CASE("A client without TLS gets no HTTP") {
  const auto front = serve({});
  RawClient client(front->port());
  REQUIRE(client.send_plain("GET /livez HTTP/1.1\r\nHost: a\r\n\r\n"));
  CHECK(client.at_end());
}

TEST_CASE("A connection that never finishes its handshake is closed at the deadline") {
  FrontLimits limits;
  limits.handshake_deadline = 50ms;
  const auto front = serve(limits);
  SECTION("silent") {
    RawClient client(front->port());
    CHECK(client.at_end());
  }
  SECTION("a byte at a time of a record that could be large") {
    RawClient client(front->port());
    std::string bytes("\x16\x03\x01\x3f\xff\x01", 6);
    bytes.resize(5000);
    std::size_t sent = 0;
    while (sent < bytes.size() && client.send_plain(bytes.substr(sent, 1))) {
      ++sent;
      std::this_thread::sleep_for(5ms);
    }
    CHECK(sent < bytes.size());
  }
  CHECK(front->counts().expired == 1);
}

TEST_CASE("A request that trickles is answered 408 at the deadline of its part") {
  FrontLimits limits;
  std::string start;
  SECTION("head") {
    limits.head_deadline = 100ms;
    start = "POST /validate HTTP/1.1\r\nHost: a\r\nX: ";
  }
  SECTION("body") {
    limits.body_deadline = 100ms;
    start = head(5000);
  }
  const auto front = serve(limits);
  RawClient client(front->port());
  REQUIRE(client.handshake());
  REQUIRE(client.send(start));
  std::size_t sent = 0;
  while (sent < 5000 && client.send("x") && front->counts().expired == 0) {
    ++sent;
    std::this_thread::sleep_for(5ms);
  }
  CHECK(sent < 5000);
  CHECK(client.receive().value_or(Answer{}).status == 408);
  CHECK(client.at_end());
}

TEST_CASE("A connection that stays idle is closed at the deadline") {
  FrontLimits limits;
  limits.idle_deadline = 50ms;
  const auto front = serve(limits);
  RawClient client(front->port());
  REQUIRE(client.handshake());
  CHECK(client.at_end());
  CHECK(front->counts().expired == 1);
}

TEST_CASE("A client that does not read its answer is closed at the deadline") {
  FrontLimits limits;
  limits.write_deadline = 100ms;
  const std::string large(std::size_t{64} << 20, 'y');
  const auto front = serve(limits, [&](const HttpRequest&) { return HttpResponse{200, "text/plain", large}; });
  RawClient client(front->port());
  REQUIRE(client.handshake());
  REQUIRE(client.send(head(2) + "{}"));
  CHECK(eventually([&] { return front->counts().expired == 1; }));
  CHECK_FALSE(client.receive().has_value());
}

TEST_CASE("A client that stays after its last answer is closed at the deadline") {
  FrontLimits limits;
  limits.linger_deadline = 50ms;
  const auto front = serve(limits);
  RawClient client(front->port());
  REQUIRE(client.handshake());
  REQUIRE(client.send("GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n"));
  CHECK(client.receive().value_or(Answer{}).status == 404);
  CHECK(eventually([&] { return front->counts().expired == 1; }));
}

TEST_CASE("At the cap the connection that was idle for longest makes room") {
  FrontLimits limits;
  limits.threads = 1;
  limits.max_connections = 4;
  limits.patience_at_cap = 1h;
  const auto front = serve(limits);
  std::deque<RawClient> clients;
  // One that has not shown itself yet, older than the idle ones: it stays while an idle one is there.
  clients.emplace_back(front->port());
  add_served(clients, 3, *front);
  // The first idle one has been used since.
  REQUIRE(is_served(clients[1]));

  clients.emplace_back(front->port());
  REQUIRE(clients.back().handshake());
  CHECK(is_served(clients.back()));
  CHECK(clients[2].at_end());
  CHECK(front->counts().closed_for_room == 1);
  CHECK(is_served(clients[1]));
  CHECK(is_served(clients[3]));
  CHECK(clients[0].handshake());
}

TEST_CASE("At the cap a request that trickles makes room before an idle connection does") {
  FrontLimits limits;
  limits.threads = 1;
  limits.max_connections = 3;
  limits.patience_at_cap = 0ms;
  const auto front = serve(limits);
  std::deque<RawClient> clients;
  add_served(clients, 3, *front);
  REQUIRE(clients[1].send("POST "));
  REQUIRE(eventually([&] { return front->counts().reading == 1; }));

  clients.emplace_back(front->port());
  REQUIRE(clients.back().handshake());
  CHECK(clients[1].at_end());
  for (const std::size_t i : {0U, 2U, 3U}) {
    CAPTURE(i);
    CHECK(is_served(clients[i]));
  }
}

TEST_CASE("A connection that was answered keeps its place against any number of strangers") {
  FrontLimits limits;
  limits.threads = 1;
  limits.max_connections = 8;
  limits.patience_at_cap = 1h;
  const auto front = serve(limits);
  std::deque<RawClient> clients;
  add_served(clients, 3, *front);
  std::deque<RawClient> strangers;
  for (int i = 0; i < 100; ++i) {
    strangers.emplace_back(front->port());
  }
  REQUIRE(eventually([&] { return front->counts().accepted == 103; }));
  for (RawClient& client : clients) {
    CHECK(is_served(client));
  }
  CHECK(eventually([&] { return front->counts().closed_for_room == 95; }));
}

TEST_CASE("At the cap the address that has the most connections gives one up, though others are idle for longer") {
  FrontLimits limits;
  limits.threads = 1;
  limits.max_connections = 8;
  limits.patience_at_cap = 1h;
  const auto front = serve(limits);
  std::deque<RawClient> clients;
  add_served(clients, 3, *front);
  std::deque<RawClient> strangers;
  add_served(strangers, 50, *front, kStranger);
  CHECK(front->counts().closed_for_room == 45);
  for (RawClient& client : clients) {
    CHECK(is_served(client));
  }
}

TEST_CASE("A client that has just come keeps its place, however many come after it from another address") {
  FrontLimits limits;
  limits.threads = 1;
  limits.max_connections = 8;
  const auto front = serve(limits);
  RawClient client(front->port());
  REQUIRE(eventually([&] { return front->counts().accepted == 1; }));
  std::deque<RawClient> strangers;
  for (int i = 0; i < 100; ++i) {
    strangers.emplace_back(front->port(), kStranger);
  }
  REQUIRE(eventually([&] { return front->counts().closed_for_room == 93; }));
  REQUIRE(client.handshake());
  CHECK(is_served(client));
}

TEST_CASE("A client is answered before a crowd of another address that asked before him") {
  constexpr std::size_t kCrowd = 40;
  std::latch entered(1);
  std::promise<void> release;
  std::mutex mutex;
  std::vector<std::string> order;
  FrontLimits limits;
  limits.threads = 1;
  const auto front = serve(limits, [&, released = release.get_future().share()](const HttpRequest& request) {
    if (request.body == "wait") {
      entered.count_down();
      released.wait();
    }
    const std::lock_guard lock(mutex);
    order.emplace_back(request.body);
    return echo(request);
  });
  RawClient client(front->port());
  REQUIRE(client.handshake());
  RawClient first(front->port(), kStranger);
  REQUIRE(first.handshake());
  std::deque<RawClient> crowd;
  for (std::size_t i = 0; i < kCrowd; ++i) {
    crowd.emplace_back(front->port(), kStranger);
    REQUIRE(crowd.back().handshake());
  }
  REQUIRE(eventually([&] { return front->counts().idle == kCrowd + 2; }));
  REQUIRE(first.send(head(4) + "wait"));
  entered.wait();
  for (RawClient& stranger : crowd) {
    REQUIRE(stranger.send(head(5) + "crowd"));
  }
  REQUIRE(client.send(head(2) + "{}"));
  release.set_value();
  for (RawClient& stranger : crowd) {
    CHECK(stranger.receive().value_or(Answer{}).body == "crowd");
  }
  CHECK(client.receive().value_or(Answer{}).body == "{}");
  const std::lock_guard lock(mutex);
  // Behind the one that was being answered, and two turns of either kind at most.
  REQUIRE(order.size() == kCrowd + 2);
  CHECK(std::find(order.begin(), order.begin() + 5, "{}") != order.begin() + 5);
}

TEST_CASE("When no descriptor is left an idle connection makes room for a new one") {
  FrontLimits limits;
  limits.threads = 1;
  const auto front = serve(limits);
  RawClient idle(front->port());
  REQUIRE(idle.handshake());
  REQUIRE(is_served(idle));

  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
  // Room for one descriptor, which the client takes.
  const rlim_t lowest_free = static_cast<rlim_t>(UniqueFd(::dup(STDERR_FILENO)).get());
  const rlimit tight{lowest_free + 1, before.rlim_max};
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &tight) == 0);
  RawClient client(front->port());
  const bool greeted = client.handshake();
  const bool served = greeted && is_served(client);
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
  CHECK(served);
  CHECK(idle.at_end());
  CHECK(front->counts().accept_failures >= 1);
}

TEST_CASE("A client is served however many strangers sit at the cap") {
  FrontLimits limits;
  limits.threads = 1;
  limits.max_connections = 8;
  const auto front = serve(limits);
  std::deque<RawClient> strangers;
  SECTION("without a handshake") {
    for (int i = 0; i < 40; ++i) {
      strangers.emplace_back(front->port());
    }
  }
  SECTION("in the middle of a head") {
    for (int i = 0; i < 40; ++i) {
      strangers.emplace_back(front->port());
      REQUIRE(strangers.back().handshake());
      REQUIRE(strangers.back().send("POST /validate HTTP/1.1\r\n"));
    }
  }
  SECTION("in the middle of a body") {
    for (int i = 0; i < 40; ++i) {
      strangers.emplace_back(front->port());
      REQUIRE(strangers.back().handshake());
      REQUIRE(strangers.back().send(head(1000) + "{"));
    }
  }
  REQUIRE(eventually([&] { return front->counts().accepted == 40; }));
  for (int i = 0; i < 20; ++i) {
    RawClient client(front->port());
    REQUIRE(client.handshake());
    CHECK(is_served(client));
  }
}

TEST_CASE("A client that changes its keys without end keeps nobody else waiting") {
  FrontLimits limits;
  limits.threads = 1;
  std::mutex mutex;
  std::vector<std::string> bodies;
  const auto front = serve(limits, [&](const HttpRequest& request) {
    const std::lock_guard lock(mutex);
    bodies.emplace_back(request.body);
    return echo(request);
  });
  RawClient client(front->port());
  REQUIRE(client.handshake());
  RawClient stranger(front->port());
  REQUIRE(stranger.handshake(TLS1_3_VERSION));
  const std::string flood = stranger.key_updates(100'000, head(4) + "last");
  auto flooding = std::async(std::launch::async, [&] { return stranger.send_plain(flood); });
  for (int i = 0; i < 5; ++i) {
    CHECK(is_served(client));
  }
  REQUIRE(flooding.get());
  CHECK(stranger.receive().value_or(Answer{}).body == "last");
  const std::lock_guard lock(mutex);
  REQUIRE(bodies.size() == 6);
  CHECK(bodies.back() == "last");
}

TEST_CASE("Half-sent bodies together are bounded and the oldest goes first") {
  FrontLimits limits;
  limits.threads = 1;
  limits.max_body_bytes = std::size_t{1} << 20;
  limits.max_buffered_bytes = std::size_t{4} << 20;
  const auto front = serve(limits);
  std::deque<RawClient> strangers;
  const std::string most_of_it((std::size_t{1} << 20) - 1, ' ');
  for (int i = 0; i < 6; ++i) {
    strangers.emplace_back(front->port());
    REQUIRE(strangers.back().handshake());
    // It may be closed while it sends.
    strangers.back().send(head(std::size_t{1} << 20) + most_of_it);
  }
  REQUIRE(eventually([&] { return front->counts().closed_for_room > 0; }));
  CHECK(strangers.front().at_end());
  RawClient client(front->port());
  REQUIRE(client.handshake());
  CHECK(is_served(client));
}

TEST_CASE("Draining answers the request in flight, closes the idle connections and takes no new ones") {
  std::latch entered(1);
  std::promise<void> release;
  FrontLimits limits;
  limits.threads = 2;
  const auto front = serve(limits, [&, released = release.get_future().share()](const HttpRequest& request) {
    if (request.body == "wait") {
      entered.count_down();
      released.wait();
    }
    return echo(request);
  });
  RawClient busy(front->port());
  REQUIRE(busy.handshake());
  std::vector<std::unique_ptr<RawClient>> idle;
  for (int i = 0; i < 4; ++i) {
    idle.push_back(std::make_unique<RawClient>(front->port()));
    REQUIRE(idle.back()->handshake());
    REQUIRE(is_served(*idle.back()));
  }
  RawClient half(front->port());
  REQUIRE(half.handshake());
  REQUIRE(half.send(head(2) + "{"));
  REQUIRE(eventually([&] { return front->counts().reading == 1; }));
  REQUIRE(busy.send(head(4) + "wait"));
  entered.wait();

  auto drained = std::async(std::launch::async, [&] { front->drain(30s); });
  // The port is free as soon as draining has begun.
  REQUIRE(eventually([&] {
    return HttpsFront::start("127.0.0.1:" + std::to_string(front->port()), identity(), {}, {}, echo).has_value();
  }));
  release.set_value();
  const auto answer = busy.receive();
  REQUIRE(answer);
  CHECK(answer->body == "wait");
  for (const auto& client : idle) {
    CHECK(client->at_end());
  }
  // A request half sent is one in flight.
  REQUIRE(half.send("}"));
  const auto completed = half.receive();
  REQUIRE(completed);
  CHECK(completed->body == "{}");
  CHECK(completed->head.find("\r\nConnection: close\r\n") != std::string::npos);
  CHECK(half.at_end());
  CHECK(busy.at_end());
  drained.get();
  front->drain(0ms);
}

TEST_CASE("Draining ends at its deadline with a request that never completes") {
  const auto front = serve({});
  RawClient client(front->port());
  REQUIRE(client.handshake());
  REQUIRE(client.send(head(2) + "{"));
  REQUIRE(eventually([&] { return front->counts().reading == 1; }));
  front->drain(50ms);
  CHECK(client.at_end());
}

}  // namespace
}  // namespace signet
