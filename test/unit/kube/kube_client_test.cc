#include "signer/kube/kube_client.h"

#include <stdlib.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <thread>
#include <vector>

#include "test/unit/kube/fake_api_server.h"

namespace signet {
namespace {

using Kind = KubeError::Kind;
using httplib::Request;
using httplib::Response;

// The CA of the cluster and the certificate of its API server, made once; and what a program with a client must do.
struct Cluster {
  TestIdentity ca = make_test_ca("cluster ca");
  TestIdentity server = make_test_leaf(ca, "kube-apiserver", "IP:127.0.0.1,DNS:localhost");

  Cluster() { std::signal(SIGPIPE, SIG_IGN); }
};

const Cluster& cluster() {
  static const Cluster instance;
  return instance;
}

std::unique_ptr<HttpKubeClient> connect(const ClusterAccess& access) {
  auto client = HttpKubeClient::create(access);
  REQUIRE(client.has_value());
  return std::move(*client);
}

std::string csr_json(const std::string& name, const std::string& version = "7") {
  return R"({"metadata":{"name":")" + name + R"(","uid":"u","resourceVersion":")" + version +
         R"("},"spec":{"request":"Zm9v","signerName":"example.com/foo"}})";
}

FakeApiServer::Handler always(int status, const std::string& body) {
  return [status, body](const Request&, Response& response) {
    response.status = status;
    response.set_content(body, "application/json");
  };
}

std::vector<std::string> list_names(HttpKubeClient& client, KubeResult<std::string>& version,
                                    const std::string& signer = {}) {
  std::vector<std::string> names;
  version = client.list_csrs(
      signer,
      [&names](JsonView object) { names.emplace_back(object.at("metadata", "name").as_string().value_or("?")); }, {});
  return names;
}

TEST_CASE("An object is read with the headers that an API server wants") {
  FakeApiServer server(cluster().server, always(200, csr_json("a")));
  ClusterAccess access = server.access(cluster().ca);
  access.token = "secret";
  access.path_prefix = "/prefix";
  const auto client = connect(access);
  const auto csr = client->get_csr("a");
  REQUIRE(csr.has_value());
  CHECK(csr->spec.request == "foo");

  const auto seen = server.seen();
  REQUIRE(seen.size() == 1);
  CHECK(seen[0].target == "/prefix/apis/certificates.k8s.io/v1/certificatesigningrequests/a");
  CHECK(seen[0].header("Authorization") == "Bearer secret");
  CHECK(seen[0].header("User-Agent") == "signet");
  CHECK(seen[0].header("Accept") == "application/json");
  CHECK(seen[0].header("Host") == "127.0.0.1:" + std::to_string(access.port));
}

TEST_CASE("A name cannot lead to another path") {
  FakeApiServer server(cluster().server, always(200, csr_json("a")));
  const auto client = connect(server.access(cluster().ca));
  CHECK(client->get_csr("a/../b?c#d%").has_value());
  CHECK(server.seen().at(0).target == "/apis/certificates.k8s.io/v1/certificatesigningrequests/a%2F..%2Fb%3Fc%23d%25");
  for (const char* name : {"", ".", ".."}) {
    CHECK(client->get_csr(name).error().kind == Kind::kInvalid);
    CHECK(client->patch_csr_status(name, "{}").error().kind == Kind::kInvalid);
    CHECK(client->get_tls_secret(name, "x").error().kind == Kind::kInvalid);
    CHECK(client->get_tls_secret("x", name).error().kind == Kind::kInvalid);
  }
  CHECK(server.seen().size() == 1);
}

TEST_CASE("A status patch is sent as a merge patch and returns the object") {
  FakeApiServer server(cluster().server, always(200, csr_json("a", "8")));
  const auto client = connect(server.access(cluster().ca));
  const auto csr = client->patch_csr_status("a", R"({"status":{}})");
  REQUIRE(csr.has_value());
  CHECK(csr->resource_version == "8");
  const auto seen = server.seen();
  CHECK(seen[0].method == "PATCH");
  CHECK(seen[0].target == "/apis/certificates.k8s.io/v1/certificatesigningrequests/a/status?fieldManager=signet");
  CHECK(seen[0].header("Content-Type") == "application/merge-patch+json");
  CHECK(seen[0].body == R"({"status":{}})");
}

TEST_CASE("Every HTTP status becomes a kind of error with the server's message") {
  struct Row {
    int status;
    std::string body;
    Kind kind;
    std::string message;
    bool is_transient;
  };
  const Row rows[] = {
      {400, R"({"message":"bad"})", Kind::kInvalid, "bad", false},
      {401, R"({"message":"Unauthorized"})", Kind::kUnauthorized, "Unauthorized", false},
      {403, R"({"message":"no"})", Kind::kForbidden, "no", false},
      {404, R"({"message":"not found"})", Kind::kNotFound, "not found", false},
      {409, R"({"message":"changed"})", Kind::kConflict, "changed", false},
      {410, R"({"message":"expired"})", Kind::kGone, "expired", false},
      {418, "", Kind::kBadResponse, "HTTP status 418", false},
      {302, "", Kind::kBadResponse, "HTTP status 302", false},
      {422, R"({"message":"invalid"})", Kind::kInvalid, "invalid", false},
      {429, R"({"message":"slow down"})", Kind::kTooManyRequests, "slow down", true},
      {500, "oops", Kind::kServer, "HTTP status 500", true},
      {503, R"({"message":7})", Kind::kServer, "HTTP status 503", true},
      {200, "{", Kind::kBadResponse, "byte 1: Missing a name for object member.", false},
      {200, "[]", Kind::kBadResponse, "the object: must be an object", false},
      {200, R"({"spec":{"usages":7}})", Kind::kBadResponse, "spec.usages: must be a list", false},
  };
  std::atomic<const Row*> row = nullptr;
  FakeApiServer server(cluster().server, [&row](const Request&, Response& response) {
    response.status = row.load()->status;
    response.set_content(row.load()->body, "application/json");
  });
  const auto client = connect(server.access(cluster().ca));
  for (const Row& each : rows) {
    row = &each;
    INFO(each.status << ' ' << each.body);
    const auto csr = client->get_csr("a");
    REQUIRE_FALSE(csr.has_value());
    CHECK(csr.error().kind == each.kind);
    CHECK(csr.error().http_status == each.status);
    CHECK(csr.error().message == each.message);
    CHECK(csr.error().is_transient() == each.is_transient);
    CHECK(csr.error().retry_after == std::nullopt);
  }
}

TEST_CASE("Retry-After is read in seconds") {
  const struct {
    const char* header;
    std::optional<std::chrono::seconds> expected;
  } rows[] = {
      {"7", std::chrono::seconds(7)}, {"0", std::chrono::seconds(0)}, {"-1", std::nullopt}, {"soon", std::nullopt}};
  std::atomic<const char*> header = nullptr;
  FakeApiServer server(cluster().server, [&header](const Request&, Response& response) {
    response.status = 429;
    response.set_header("Retry-After", header.load());
  });
  const auto client = connect(server.access(cluster().ca));
  for (const auto& row : rows) {
    header = row.header;
    CHECK(client->get_csr("a").error().retry_after == row.expected);
  }
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
  CsrWatchHandler handler{
      std::move(wants_line), [&run](const WatchEvent& event) {
        run.events.push_back(std::to_string(static_cast<int>(event.type)) + ' ' +
                             std::string(event.object.at("metadata", "name").as_string().value_or("-")) + ' ' +
                             std::string(event.object.at("metadata", "resourceVersion").as_string().value_or("-")));
      }};
  run.end = client->watch_csrs({"example.com/foo", "5&x", std::chrono::seconds(60)}, handler, {});
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
  const auto end = client->watch_csrs({}, {{}, [](const WatchEvent&) { FAIL_CHECK("an event"); }}, {});
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
  const auto end = client->watch_csrs({"", "1", std::chrono::hours(1)},
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
  CHECK(client->watch_csrs({}, {}, stop.get_token()).has_value());
  CHECK(client->list_csrs("", {}, stop.get_token()).error().kind == Kind::kTransport);
  CHECK(server.seen().empty());
}

// The read timeout is ten seconds longer than the watch's: one second here.
TEST_CASE("A watch that is silent beyond its timeout is ended") {
  SilentServer server;
  const auto client = connect(server.access());
  const auto end = client->watch_csrs({"", "1", std::chrono::seconds(-9)}, {{}, [](const WatchEvent&) {}}, {});
  REQUIRE_FALSE(end.has_value());
  CHECK(end.error().kind == Kind::kTransport);
}

TEST_CASE("A server that does not prove to be the API server is never asked") {
  const TestIdentity other_ca = make_test_ca("another ca");
  struct Row {
    const char* name;
    TestIdentity server;
    std::string host;
    std::string message;
  };
  const Row rows[] = {
      {"another CA", make_test_leaf(other_ca, "x", "IP:127.0.0.1"), "127.0.0.1",
       "unable to get local issuer certificate"},
      {"another address", make_test_leaf(cluster().ca, "x", "IP:127.0.0.2"), "127.0.0.1", "IP address mismatch"},
      {"another name", make_test_leaf(cluster().ca, "x", "DNS:other"), "localhost", "hostname mismatch"},
      {"a name in the subject alone", make_test_leaf(cluster().ca, "localhost", ""), "localhost", "hostname mismatch"},
      {"a name for an address", make_test_leaf(cluster().ca, "x", "DNS:127.0.0.1"), "127.0.0.1", "IP address mismatch"},
  };
  for (const Row& row : rows) {
    INFO(row.name);
    FakeApiServer server(row.server, always(200, csr_json("a")));
    ClusterAccess access = server.access(cluster().ca);
    access.host = row.host;
    access.token = "secret";
    const auto csr = connect(access)->get_csr("a");
    REQUIRE_FALSE(csr.has_value());
    CHECK(csr.error().kind == Kind::kTransport);
    CHECK_THAT(csr.error().message, Catch::Contains(row.message));
    CHECK(server.seen().empty());
  }
}

TEST_CASE("A host name in the certificate is enough") {
  FakeApiServer server(cluster().server, always(200, csr_json("a")));
  ClusterAccess access = server.access(cluster().ca);
  access.host = "localhost";
  CHECK(connect(access)->get_csr("a").has_value());
}

// The file that holds something for as long as it lives.
class TemporaryFile {
 public:
  explicit TemporaryFile(const std::string& text) {
    std::string pattern = (std::filesystem::temp_directory_path() / "signet-kube-XXXXXX").string();
    const int descriptor = ::mkstemp(pattern.data());
    REQUIRE(descriptor >= 0);
    ::close(descriptor);
    path_ = pattern;
    replace(text);
  }
  ~TemporaryFile() { std::filesystem::remove(path_); }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  // As the kubelet does it: another file takes the name.
  void replace(const std::string& text) const {
    std::ofstream(path_ + ".new", std::ios::binary) << text;
    std::filesystem::rename(path_ + ".new", path_);
  }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

TEST_CASE("The CAs that the system trusts are not trusted") {
  const TestIdentity public_ca = make_test_ca("a public ca");
  const TemporaryFile bundle(public_ca.certificate_pem());
  REQUIRE(::setenv("SSL_CERT_FILE", bundle.path().c_str(), 1) == 0);
  {
    FakeApiServer server(make_test_leaf(public_ca, "x", "IP:127.0.0.1"), always(200, csr_json("a")));
    CHECK(connect(server.access(public_ca))->get_csr("a").has_value());
    CHECK(connect(server.access(cluster().ca))->get_csr("a").error().kind == Kind::kTransport);
  }
  ::unsetenv("SSL_CERT_FILE");
}

TEST_CASE("The client certificate is shown to a server that asks for it") {
  const TestIdentity client_ca = make_test_ca("client ca");
  const TestIdentity client = make_test_leaf(client_ca, "signet", "");
  FakeApiServer server(cluster().server, always(200, csr_json("a")), &client_ca);
  ClusterAccess access = server.access(cluster().ca);
  CHECK(connect(access)->get_csr("a").error().kind == Kind::kTransport);
  access.client_certificate_pem = client.certificate_pem();
  access.client_key_pem = client.key_pem();
  CHECK(connect(access)->get_csr("a").has_value());
}

TEST_CASE("PEM that cannot be used is refused when the client is made") {
  const TestIdentity client = make_test_leaf(cluster().ca, "signet", "");
  ClusterAccess access;
  access.host = "127.0.0.1";
  struct Row {
    std::string ca;
    std::string certificate;
    std::string key;
    std::string error;
  };
  const std::string ca = cluster().ca.certificate_pem();
  const std::string certificate = client.certificate_pem();
  const Row rows[] = {
      {"", "", "", "the cluster's CA is not a PEM certificate"},
      {"nonsense", "", "", "the cluster's CA is not a PEM certificate"},
      {client.key_pem(), "", "", "the cluster's CA is not a PEM certificate"},
      {ca + ca.substr(0, ca.size() / 2), "", "", "the cluster's CA is not a PEM certificate"},
      {ca, "nonsense", client.key_pem(), "the client certificate is not a PEM certificate"},
      {ca, certificate, "nonsense", "the client key is not an unencrypted PEM key"},
      {ca, certificate, cluster().ca.key_pem(), "the client key is not that of the client certificate"},
  };
  for (const Row& row : rows) {
    access.ca_pem = row.ca;
    access.client_certificate_pem = row.certificate;
    access.client_key_pem = row.key;
    const auto made = HttpKubeClient::create(access);
    REQUIRE_FALSE(made.has_value());
    CHECK(made.error() == row.error);
  }
}

TEST_CASE("A token file is read anew when it has changed") {
  const TemporaryFile token("first\n");
  FakeApiServer server(cluster().server, always(200, csr_json("a")));
  ClusterAccess access = server.access(cluster().ca);
  access.token = "ignored";
  access.token_file = token.path();
  const auto client = connect(access);
  for (const char* text : {"first\n", "second", "  third  \n"}) {
    token.replace(text);
    CHECK(client->get_csr("a").has_value());
  }
  const auto seen = server.seen();
  REQUIRE(seen.size() == 3);
  CHECK(seen[0].header("Authorization") == "Bearer first");
  CHECK(seen[1].header("Authorization") == "Bearer second");
  CHECK(seen[2].header("Authorization") == "Bearer third");

  token.replace("two\nlines");
  CHECK(client->get_csr("a").error().message == token.path() + ": not a token: white space or bytes beyond ASCII");
  token.replace("\n");
  CHECK(client->get_csr("a").error().message == token.path() + ": no token");
  CHECK(server.seen().size() == 3);
}

TEST_CASE("A Secret of type kubernetes.io/tls is read, any other refused") {
  std::string body;
  FakeApiServer server(cluster().server,
                       [&body](const Request&, Response& response) { response.set_content(body, "application/json"); });
  const auto client = connect(server.access(cluster().ca));
  body = R"({"type":"kubernetes.io/tls","data":{"tls.crt":"Y2VydA==","tls.key":"a2V5","ca.crt":"Y2E="}})";
  const auto secret = client->get_tls_secret("ns", "foo-ca");
  REQUIRE(secret.has_value());
  CHECK(secret->tls_crt == "cert");
  CHECK(secret->tls_key == "key");
  CHECK(secret->ca_crt == "ca");
  CHECK(server.seen()[0].target == "/api/v1/namespaces/ns/secrets/foo-ca");

  body = R"({"type":"kubernetes.io/tls","data":{"tls.crt":"Y2VydA==","tls.key":"a2V5"}})";
  CHECK(client->get_tls_secret("ns", "foo-ca")->ca_crt.empty());

  const std::pair<const char*, const char*> rows[] = {
      {R"({"type":"Opaque","data":{}})", "Secret ns/s is not of type kubernetes.io/tls"},
      {R"({"type":"kubernetes.io/tls","data":{"tls.crt":"Y2VydA=="}})", "Secret ns/s has no tls.crt or no tls.key"},
      {R"({"type":"kubernetes.io/tls"})", "Secret ns/s has no tls.crt or no tls.key"},
      {R"({"type":"kubernetes.io/tls","data":{"tls.crt":"?"}})", R"(Secret ns/s: data["tls.crt"] is not base64)"},
      {R"({"type":"kubernetes.io/tls","data":{"tls.crt":7}})", R"(Secret ns/s: data["tls.crt"] is not base64)"},
  };
  for (const auto& [text, error] : rows) {
    body = text;
    const auto refused = client->get_tls_secret("ns", "s");
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().message == error);
  }
}

TEST_CASE("The API server says who we are and what we may") {
  FakeApiServer server(cluster().server, [](const Request& request, Response& response) {
    const bool is_access = request.path.find("access") != std::string::npos;
    response.status = 201;
    response.set_content(is_access ? R"({"status":{"allowed":true}})"
                                   : R"({"status":{"userInfo":{"username":"system:serviceaccount:signet:signet"}}})",
                         "application/json");
  });
  const auto client = connect(server.access(cluster().ca));
  CHECK(client->who_am_i() == "system:serviceaccount:signet:signet");
  AccessQuestion question;
  question.verb = "sign";
  question.group = "certificates.k8s.io";
  question.resource = "signers";
  question.name = "example.com/foo";
  CHECK(client->may_i(question) == true);
  const auto seen = server.seen();
  CHECK(seen[0].method == "POST");
  CHECK(seen[0].target == "/apis/authentication.k8s.io/v1/selfsubjectreviews");
  CHECK(seen[0].body == R"({"apiVersion":"authentication.k8s.io/v1","kind":"SelfSubjectReview"})");
  CHECK(seen[1].target == "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews");
  CHECK(seen[1].body ==
        R"({"apiVersion":"authorization.k8s.io/v1","kind":"SelfSubjectAccessReview","spec":{"resourceAttributes":)"
        R"({"verb":"sign","group":"certificates.k8s.io","resource":"signers","name":"example.com/foo"}}})");
}

TEST_CASE("Calls from several threads share connections and do not disturb each other") {
  FakeApiServer server(cluster().server, [](const Request& request, Response& response) {
    response.set_content(csr_json(request.path.substr(request.path.rfind('/') + 1)), "application/json");
  });
  const auto client = connect(server.access(cluster().ca));
  std::atomic<int> right = 0;
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 8; ++t) {
      threads.emplace_back([&, t] {
        for (int i = 0; i < 20; ++i) {
          const std::string name = "csr-" + std::to_string(t) + '-' + std::to_string(i);
          const auto csr = client->get_csr(name);
          if (csr && csr->name == name) ++right;
        }
      });
    }
  }
  CHECK(right == 160);
}

TEST_CASE("A server that is not there is a transport error") {
  ClusterAccess access;
  {
    FakeApiServer server(cluster().server, always(200, csr_json("a")));
    access = server.access(cluster().ca);
  }
  const auto csr = connect(access)->get_csr("a");
  REQUIRE_FALSE(csr.has_value());
  CHECK(csr.error().kind == Kind::kTransport);
  CHECK(csr.error().message == "127.0.0.1:" + std::to_string(access.port) + ": cannot connect");
}

}  // namespace
}  // namespace signet
