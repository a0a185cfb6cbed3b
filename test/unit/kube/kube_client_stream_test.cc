#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "signer/kube/kube_client.h"
#include "test/unit/kube/kube_client_fixture.h"

namespace signet {
namespace {

using Kind = KubeError::Kind;
using httplib::Request;
using httplib::Response;

std::vector<std::string> list_names(HttpKubeClient& client, KubeResult<std::string>& version,
                                    const std::string& signer = {}) {
  std::vector<std::string> names;
  version = client.list_csrs(
      signer,
      [&names](JsonView object) { names.emplace_back(object.at("metadata", "name").as_string().value_or("?")); }, {});
  return names;
}

TEST_CASE("A list is read page by page with its selector") {
  FakeApiServer server(cluster().server, [](const Request& request, Response& response) {
    const std::string next = request.get_param_value("continue");
    if (next.empty()) {
      response.set_content(R"({"metadata":{"resourceVersion":"5","continue":"p=2&x"},"items":[)" + csr_json("a") + ',' +
                               csr_json("b") + "]}",
                           "application/json");
    } else {
      response.set_content(R"({"metadata":{"resourceVersion":"5"},"items":[)" + csr_json(next) + "]}",
                           "application/json");
    }
  });
  const auto client = connect(server.access(cluster().ca));
  KubeResult<std::string> version;
  CHECK(list_names(*client, version, "example.com/foo") == std::vector<std::string>{"a", "b", "p=2&x"});
  CHECK(version == "5");
  const auto seen = server.seen();
  REQUIRE(seen.size() == 2);
  CHECK(seen[0].target ==
        "/apis/certificates.k8s.io/v1/"
        "certificatesigningrequests?limit=500&fieldSelector=spec.signerName%3Dexample.com%2Ffoo");
  CHECK(seen[1].target == seen[0].target + "&continue=p%3D2%26x");
}

TEST_CASE("A list whose pages expired starts anew, but not for ever") {
  std::atomic<int> expired = 0;
  std::atomic<bool> is_always_expired = false;
  FakeApiServer server(cluster().server, [&](const Request& request, Response& response) {
    if (!request.has_param("continue")) {
      response.set_content(R"({"metadata":{"resourceVersion":"5","continue":"x"},"items":[)" + csr_json("a") + "]}",
                           "application/json");
    } else if (is_always_expired || ++expired == 1) {
      response.status = 410;
    } else {
      response.set_content(R"({"metadata":{"resourceVersion":"6"},"items":[)" + csr_json("b") + "]}",
                           "application/json");
    }
  });
  const auto client = connect(server.access(cluster().ca));
  KubeResult<std::string> version;
  CHECK(list_names(*client, version) == std::vector<std::string>{"a", "a", "b"});
  CHECK(version == "6");
  is_always_expired = true;
  CHECK(list_names(*client, version).size() == 6);
  CHECK(version.error().kind == Kind::kGone);
}

TEST_CASE("Namespaces are listed page by page, each once, so not anew when the pages expired") {
  std::atomic<bool> is_expired = false;
  FakeApiServer server(cluster().server, [&](const Request& request, Response& response) {
    const bool is_first = !request.has_param("continue");
    if (is_expired && !is_first) {
      response.status = 410;
    } else {
      response.set_content(is_first ? R"({"metadata":{"resourceVersion":"5","continue":"x"},"items":[{"a":1}]})"
                                    : R"({"metadata":{"resourceVersion":"5"},"items":[{"b":1}]})",
                           "application/json");
    }
  });
  const auto client = connect(server.access(cluster().ca));
  std::vector<std::string> keys;
  const auto visit = [&keys](JsonView object) { keys.emplace_back(object.member(0).key); };
  CHECK(client->list_namespaces(visit, {}) == "5");
  CHECK(keys == std::vector<std::string>{"a", "b"});
  CHECK(server.seen().at(0).target == "/api/v1/namespaces?limit=500");
  CHECK(server.seen().at(1).target == "/api/v1/namespaces?limit=500&continue=x");

  is_expired = true;
  const auto expired = client->list_namespaces(visit, {});
  REQUIRE_FALSE(expired.has_value());
  CHECK(expired.error().kind == Kind::kGone);
  CHECK(server.seen().size() == 4);
}

TEST_CASE("A page that is too large is asked for again with fewer objects") {
  FakeApiServer server(cluster().server, [](const Request& request, Response& response) {
    if (request.get_param_value("limit") == "500") {
      auto block = std::make_shared<std::string>(1U << 20U, ' ');
      response.set_chunked_content_provider("application/json", [block](std::size_t offset, httplib::DataSink& sink) {
        if (offset > (65U << 20U)) sink.done();
        return sink.write(block->data(), block->size());
      });
    } else {
      response.set_content(R"({"metadata":{"resourceVersion":"5"},"items":null})", "application/json");
    }
  });
  const auto client = connect(server.access(cluster().ca));
  KubeResult<std::string> version;
  CHECK(list_names(*client, version).empty());
  CHECK(version == "5");
  CHECK(server.seen().back().target == "/apis/certificates.k8s.io/v1/certificatesigningrequests?limit=62");
}

TEST_CASE("A page that is too much to parse is asked for again with fewer objects") {
  FakeApiServer server(cluster().server, [](const Request& request, Response& response) {
    const std::string items = request.get_param_value("limit") == "1" ? "null" : "[" + std::string(20'000, '[');
    response.set_content(R"({"metadata":{"resourceVersion":"5"},"items":)" + items + "}", "application/json");
  });
  const auto client = connect(server.access(cluster().ca));
  KubeResult<std::string> version;
  CHECK(list_names(*client, version).empty());
  CHECK(version == "5");
}

TEST_CASE("An answer that is too large is refused") {
  FakeApiServer server(cluster().server, always(200, std::string(13U << 20U, ' ')));
  const auto client = connect(server.access(cluster().ca));
  const auto csr = client->get_csr("a");
  REQUIRE_FALSE(csr.has_value());
  CHECK(csr.error().kind == Kind::kBadResponse);
  CHECK(csr.error().message == "the answer is larger than 12582912 bytes");
}

TEST_CASE("A list that is none is refused") {
  for (const char* body :
       {"", "[]", "{}", R"({"metadata":{"resourceVersion":7}})", R"({"metadata":{"resourceVersion":""}})",
        R"({"metadata":{"resourceVersion":"7"},"items":{}})"}) {
    INFO(body);
    FakeApiServer server(cluster().server, always(200, body));
    const auto client = connect(server.access(cluster().ca));
    KubeResult<std::string> version;
    CHECK(list_names(*client, version).empty());
    REQUIRE_FALSE(version.has_value());
    CHECK(version.error().kind == Kind::kBadResponse);
  }
}

// Runs one watch against a server that sends `body` and then ends the answer in order, or breaks it off.
struct WatchRun {
  std::vector<std::string> events;
  KubeResult<void> end;
  std::string target;
};

WatchRun run_watch(const std::string& body, bool in_order, std::function<bool(std::string_view)> wants_line = {}) {
  FakeApiServer server(cluster().server, [&](const Request&, Response& response) {
    response.set_chunked_content_provider("application/json", [&](std::size_t, httplib::DataSink& sink) {
      if (!body.empty() && !sink.write(body.data(), body.size())) return false;
      if (in_order) sink.done();
      return in_order;
    });
  });
  const auto client = connect(server.access(cluster().ca));
  WatchRun run;
  WatchHandler handler{
      std::move(wants_line), [&run](const WatchEvent& event) {
        run.events.push_back(std::to_string(static_cast<int>(event.type)) + ' ' +
                             std::string(event.object.at("metadata", "name").as_string().value_or("-")) + ' ' +
                             std::string(event.object.at("metadata", "resourceVersion").as_string().value_or("-")));
      }};
  run.end = client->watch_csrs("example.com/foo", {"5&x", std::chrono::seconds(60)}, handler, {});
  run.target = server.seen().at(0).target;
  return run;
}

std::string event(const std::string& type, const std::string& object) {
  return R"({"type":")" + type + R"(","object":)" + object + "}\n";
}

const std::string kBookmark = event("BOOKMARK", R"({"metadata":{"resourceVersion":"12"}})");

TEST_CASE("A watch hands on every event until the server ends it") {
  const auto run = run_watch(event("ADDED", csr_json("a", "9")) + event("MODIFIED", csr_json("a", "10")) + "\n" +
                                 kBookmark + event("DELETED", csr_json("a", "13")),
                             true);
  CHECK(run.end.has_value());
  CHECK(run.events == std::vector<std::string>{"0 a 9", "1 a 10", "3 - 12", "2 a 13"});
  CHECK(run.target ==
        "/apis/certificates.k8s.io/v1/"
        "certificatesigningrequests?watch=true&allowWatchBookmarks=true&resourceVersion=5%26x"
        "&timeoutSeconds=60&fieldSelector=spec.signerName%3Dexample.com%2Ffoo");
}

TEST_CASE("Namespaces are watched from where the list ended") {
  FakeApiServer server(cluster().server, always(200, event("ADDED", R"({"metadata":{"name":"foo"}})") + kBookmark));
  std::vector<std::string> names;
  const WatchHandler handler{{}, [&names](const WatchEvent& event) {
                               names.emplace_back(event.object.at("metadata", "name").as_string().value_or("-"));
                             }};
  const auto client = connect(server.access(cluster().ca));
  CHECK(client->watch_namespaces({"5", std::chrono::seconds(60)}, handler, {}).has_value());
  CHECK(names == std::vector<std::string>{"foo", "-"});
  CHECK(server.seen().at(0).target ==
        "/api/v1/namespaces?watch=true&allowWatchBookmarks=true&resourceVersion=5&timeoutSeconds=60");
}

TEST_CASE("A watch drops what its filter does not want before it is parsed") {
  const auto run = run_watch("not JSON\n" + kBookmark, true, [](std::string_view line) { return line[0] == '{'; });
  CHECK(run.end.has_value());
  CHECK(run.events == std::vector<std::string>{"3 - 12"});
}

TEST_CASE("A watch that goes wrong ends with the reason after the events before it") {
  struct Row {
    const char* name;
    std::string body;
    bool in_order;
    Kind kind;
    std::string message;
  };
  const Row rows[] = {
      {"expired", event("ERROR", R"({"code":410,"message":"too old resource version","reason":"Expired"})"), true,
       Kind::kGone, "too old resource version"},
      {"throttled", event("ERROR", R"({"code":429,"details":{"retryAfterSeconds":3}})"), true, Kind::kTooManyRequests,
       "HTTP status 429"},
      {"error without a status", event("ERROR", "null"), true, Kind::kBadResponse, "HTTP status 0"},
      {"a truncated line", kBookmark.substr(0, 20), false, Kind::kTransport, ""},
      {"not JSON", "nonsense\n", true, Kind::kBadResponse,
       "a line of the watch is not JSON we take: byte 1: Invalid value."},
      {"not an event", "{}\n", true, Kind::kBadResponse, "a line of the watch is not a watch event"},
      {"unknown type", event("MOVED", "{}"), true, Kind::kBadResponse, "a line of the watch is not a watch event"},
      {"no object",
       R"({"type":"ADDED"})"
       "\n",
       true, Kind::kBadResponse, "a line of the watch is not a watch event"},
      {"an over-long line", std::string(13U << 20U, ' '), true, Kind::kBadResponse,
       "a line of the watch is longer than 12582912 bytes"},
  };
  for (const Row& row : rows) {
    INFO(row.name);
    const auto run = run_watch(kBookmark + row.body, row.in_order);
    REQUIRE_FALSE(run.end.has_value());
    CHECK(run.end.error().kind == row.kind);
    if (!row.message.empty()) CHECK(run.end.error().message == row.message);
    CHECK(run.events == std::vector<std::string>{"3 - 12"});
  }
}

TEST_CASE("A line that the end of the answer cut off is not an event") {
  const auto run = run_watch(kBookmark + event("DELETED", csr_json("a")).substr(0, 30), true);
  CHECK(run.end.has_value());
  CHECK(run.events.size() == 1);
}

TEST_CASE("A watch that the server refuses ends with its answer") {
  FakeApiServer server(cluster().server, always(403, R"({"message":"cannot watch"})"));
  const auto client = connect(server.access(cluster().ca));
  const auto end = client->watch_csrs("", {}, {{}, [](const WatchEvent&) { FAIL_CHECK("an event"); }}, {});
  REQUIRE_FALSE(end.has_value());
  CHECK(end.error().kind == Kind::kForbidden);
  CHECK(end.error().message == "cannot watch");
}

// A watch that sends one bookmark and then nothing, until it is destroyed.
class SilentServer {
 public:
  SilentServer()
      : server_(cluster().server, [this](const Request&, Response& response) {
          response.set_chunked_content_provider("application/json", [this](std::size_t, httplib::DataSink& sink) {
            sink.write(kBookmark.data(), kBookmark.size());
            std::unique_lock lock(mutex_);
            changed_.wait(lock, [this] { return is_over_; });
            return false;
          });
        }) {}
  ~SilentServer() {
    const std::lock_guard lock(mutex_);
    is_over_ = true;
    changed_.notify_all();
  }

  [[nodiscard]] ClusterAccess access() const { return server_.access(cluster().ca); }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool is_over_ = false;
  FakeApiServer server_;
};

TEST_CASE("A silent watch ends at once when it is stopped from another thread") {
  SilentServer server;
  const auto client = connect(server.access());
  std::stop_source stop;
  std::atomic<int> events = 0;
  std::jthread stopper([&] {
    events.wait(0);
    stop.request_stop();
  });
  const auto end = client->watch_csrs("", {"1", std::chrono::hours(1)},
                                      {{},
                                       [&](const WatchEvent&) {
                                         ++events;
                                         events.notify_all();
                                       }},
                                      stop.get_token());
  CHECK(end.has_value());
  CHECK(events == 1);
}

TEST_CASE("A request that is stopped before it begins is not sent") {
  FakeApiServer server(cluster().server, always(200, "{}"));
  const auto client = connect(server.access(cluster().ca));
  std::stop_source stop;
  stop.request_stop();
  CHECK(client->watch_csrs("", {}, {}, stop.get_token()).has_value());
  CHECK(client->list_csrs("", {}, stop.get_token()).error().kind == Kind::kTransport);
  CHECK(server.seen().empty());
}

// The read timeout is five seconds longer than the watch's: one second here.
TEST_CASE("A watch that is silent beyond its timeout is ended") {
  SilentServer server;
  const auto client = connect(server.access());
  const auto end = client->watch_csrs("", {"1", std::chrono::seconds(-4)}, {{}, [](const WatchEvent&) {}}, {});
  REQUIRE_FALSE(end.has_value());
  CHECK(end.error().kind == Kind::kTransport);
}

}  // namespace
}  // namespace signet
