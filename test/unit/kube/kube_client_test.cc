#include "signer/kube/kube_client.h"

#include <algorithm>
#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "test/unit/kube/kube_client_fixture.h"

namespace signet {
namespace {

using Kind = KubeError::Kind;
using httplib::Request;
using httplib::Response;

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
    CHECK(client->approve_csr(name, "{}").error().kind == Kind::kInvalid);
    CHECK(client->get_pod(name, "x").error().kind == Kind::kInvalid);
    CHECK(client->get_pod("x", name).error().kind == Kind::kInvalid);
    CHECK(client->get_tls_secret(name, "x").error().kind == Kind::kInvalid);
    CHECK(client->get_tls_secret("x", name).error().kind == Kind::kInvalid);
    CHECK(client->get_secret_version("x", name).error().kind == Kind::kInvalid);
    CHECK(client->replace_tls_secret("x", name, {}).error().kind == Kind::kInvalid);
    CHECK(client->create_tls_secret(name, "x", {}, DryRun::kNo).error().kind == Kind::kInvalid);
    CHECK(client->get_lease(name, "x").error().kind == Kind::kInvalid);
    CHECK(client->write_lease("x", {.name = name}).error().kind == Kind::kInvalid);
  }
  CHECK(server.seen().size() == 1);
}

TEST_CASE("A status patch is sent as a JSON patch") {
  FakeApiServer server(cluster().server, always(200, csr_json("a", "8")));
  const auto client = connect(server.access(cluster().ca));
  REQUIRE(client->patch_csr_status("a", "[]").has_value());
  const auto seen = server.seen();
  CHECK(seen[0].method == "PATCH");
  CHECK(seen[0].target == "/apis/certificates.k8s.io/v1/certificatesigningrequests/a/status?fieldManager=signet");
  CHECK(seen[0].header("Content-Type") == "application/json-patch+json");
  CHECK(seen[0].body == "[]");
}

TEST_CASE("An approval is a JSON patch of the approval subresource") {
  FakeApiServer server(cluster().server, always(200, csr_json("a", "8")));
  REQUIRE(connect(server.access(cluster().ca))->approve_csr("a", "[]").has_value());
  const auto seen = server.seen();
  REQUIRE(seen.size() == 1);
  CHECK(seen[0].method == "PATCH");
  CHECK(seen[0].target == "/apis/certificates.k8s.io/v1/certificatesigningrequests/a/approval?fieldManager=signet");
  CHECK(seen[0].header("Content-Type") == "application/json-patch+json");
  CHECK(seen[0].body == "[]");
}

TEST_CASE("A Pod is read, and one that is not there told apart from one that cannot be read") {
  struct Row {
    int status;
    std::string body;
    Kind kind;
    std::string message;
  };
  const Row rows[] = {
      {404, R"({"message":"pods \"p\" not found"})", Kind::kNotFound, "pods \"p\" not found"},
      {403, R"({"message":"no"})", Kind::kForbidden, "no"},
      {200, "", Kind::kBadResponse, "byte 0: The document is empty."},
      {200, "{}", Kind::kBadResponse, "metadata.uid: must not be empty"},
      {200, R"({"metadata":{"uid":"u"},"status":{"phase":1}})", Kind::kBadResponse, "status.phase: must be a string"},
  };
  for (const Row& row : rows) {
    INFO(row.body);
    FakeApiServer server(cluster().server, always(row.status, row.body));
    const auto pod = connect(server.access(cluster().ca))->get_pod("foo", "p");
    REQUIRE_FALSE(pod.has_value());
    CHECK(pod.error().kind == row.kind);
    CHECK(pod.error().message == row.message);
  }

  FakeApiServer server(cluster().server, always(200, R"({"metadata":{"uid":"u"},"spec":{"serviceAccountName":"sa"}})"));
  CHECK(connect(server.access(cluster().ca))->get_pod("foo", "p/q") == Pod{"u", "sa", false, ""});
  CHECK(server.seen().at(0).target == "/api/v1/namespaces/foo/pods/p%2Fq");
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
      {401, R"({"message":"Unauthorized"})", Kind::kUnauthorized, "Unauthorized", true},
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

TEST_CASE("A Secret of type kubernetes.io/tls is created whole or tried") {
  FakeApiServer server(cluster().server, always(201, "{}"));
  const auto client = connect(server.access(cluster().ca));
  const TlsSecret secret{.tls_crt = "cert", .tls_key = "key", .ca_crt = "ca"};
  CHECK(client->create_tls_secret("ns", "foo-ca", secret, DryRun::kYes).has_value());
  CHECK(client->create_tls_secret("ns", "foo-ca", secret, DryRun::kNo).has_value());

  const auto seen = server.seen();
  REQUIRE(seen.size() == 2);
  CHECK(seen[0].target == "/api/v1/namespaces/ns/secrets?fieldManager=signet&dryRun=All");
  CHECK(seen[1].target == "/api/v1/namespaces/ns/secrets?fieldManager=signet");
  for (const auto& request : seen) {
    CHECK(request.method == "POST");
    CHECK(request.header("Content-Type") == "application/json");
    CHECK(request.body == R"({"apiVersion":"v1","kind":"Secret","metadata":{"name":"foo-ca","labels":)"
                          R"({"app.kubernetes.io/managed-by":"signet"}},"type":"kubernetes.io/tls","data":)"
                          R"({"tls.crt":"Y2VydA==","ca.crt":"Y2E=","tls.key":"a2V5"}})");
  }
}

TEST_CASE("A Secret's version is asked for without what is in it") {
  std::string body = R"({"kind":"PartialObjectMetadata","metadata":{"resourceVersion":"41"}})";
  FakeApiServer server(cluster().server,
                       [&body](const Request&, Response& response) { response.set_content(body, "application/json"); });
  const auto client = connect(server.access(cluster().ca));
  CHECK(client->get_secret_version("ns", "foo-ca") == "41");
  CHECK(server.seen()[0].target == "/api/v1/namespaces/ns/secrets/foo-ca?resourceVersion=0");
  CHECK(server.seen()[0].header("Accept") == "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1");
  body = R"({"metadata":{}})";
  CHECK(client->get_secret_version("ns", "foo-ca").error().kind == Kind::kBadResponse);
}

TEST_CASE("A Secret's data is replaced only in the version that was read") {
  FakeApiServer server(cluster().server, always(200, "{}"));
  const auto client = connect(server.access(cluster().ca));
  const TlsSecret secret{.tls_crt = "cert", .tls_key = "key", .ca_crt = "ca", .resource_version = "41"};
  CHECK(client->replace_tls_secret("ns", "foo-ca-in-use", secret).has_value());
  const auto seen = server.seen();
  REQUIRE(seen.size() == 1);
  CHECK(seen[0].method == "PUT");
  CHECK(seen[0].target == "/api/v1/namespaces/ns/secrets/foo-ca-in-use?fieldManager=signet");
  CHECK(seen[0].body ==
        R"({"apiVersion":"v1","kind":"Secret","metadata":{"name":"foo-ca-in-use","resourceVersion":"41","labels":)"
        R"({"app.kubernetes.io/managed-by":"signet"}},"type":"kubernetes.io/tls","data":)"
        R"({"tls.crt":"Y2VydA==","ca.crt":"Y2E=","tls.key":"a2V5"}})");
}

TEST_CASE("A Secret that is there already is a conflict") {
  FakeApiServer server(cluster().server, always(409, R"({"message":"secrets \"foo-ca\" already exists"})"));
  const auto created = connect(server.access(cluster().ca))->create_tls_secret("ns", "foo-ca", {}, DryRun::kNo);
  REQUIRE_FALSE(created.has_value());
  CHECK(created.error().kind == Kind::kConflict);
  CHECK(created.error().message == "secrets \"foo-ca\" already exists");
}

TEST_CASE("A Lease is created where there is none, and else patched on the condition of its version") {
  FakeApiServer server(cluster().server, always(200, R"({"metadata":{"name":"signet","resourceVersion":"8"},"spec":)"
                                                     R"({"holderIdentity":"b","leaseTransitions":1}})"));
  const auto client = connect(server.access(cluster().ca));
  const Lease answer{.name = "signet", .resource_version = "8", .holder = "b", .transitions = 1};
  Lease lease{.name = "signet",
              .resource_version = "",
              .holder = "a",
              .duration_seconds = 4,
              .acquire_time = "2026-11-23T10:00:00.000001Z",
              .renew_time = "2026-11-23T10:00:01.000000Z",
              .transitions = 0};
  CHECK(client->get_lease("ns", "signet") == answer);
  CHECK(client->write_lease("ns", lease) == answer);
  lease.resource_version = "7";
  lease.holder.clear();
  lease.transitions.reset();
  CHECK(client->write_lease("ns", lease) == answer);

  const auto seen = server.seen();
  REQUIRE(seen.size() == 3);
  CHECK(seen[0].target == "/apis/coordination.k8s.io/v1/namespaces/ns/leases/signet");
  CHECK(seen[1].method == "POST");
  CHECK(seen[1].target == "/apis/coordination.k8s.io/v1/namespaces/ns/leases?fieldManager=signet");
  CHECK(seen[1].header("Content-Type") == "application/json");
  CHECK(seen[1].body == R"({"apiVersion":"coordination.k8s.io/v1","kind":"Lease","metadata":{"name":"signet"},"spec":)"
                        R"({"holderIdentity":"a","leaseDurationSeconds":4,"acquireTime":"2026-11-23T10:00:00.000001Z",)"
                        R"("renewTime":"2026-11-23T10:00:01.000000Z","leaseTransitions":0}})");
  CHECK(seen[2].method == "PATCH");
  CHECK(seen[2].target == "/apis/coordination.k8s.io/v1/namespaces/ns/leases/signet?fieldManager=signet");
  CHECK(seen[2].header("Content-Type") == "application/merge-patch+json");
  CHECK(seen[2].body == R"({"metadata":{"resourceVersion":"7"},"spec":{"holderIdentity":null,)"
                        R"("leaseDurationSeconds":4,"acquireTime":"2026-11-23T10:00:00.000001Z",)"
                        R"("renewTime":"2026-11-23T10:00:01.000000Z","leaseTransitions":null}})");
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

TEST_CASE("The API server enumerates what we may do in the whole cluster") {
  FakeApiServer server(cluster().server, [](const Request&, Response& response) {
    response.status = 201;
    response.set_content(
        R"({"status":{"incomplete":false,"nonResourceRules":[],"resourceRules":[)"
        R"({"verbs":["get","list"],"apiGroups":["certificates.k8s.io"],"resources":["certificatesigningrequests"]},)"
        R"({"verbs":["patch"],"apiGroups":["certificates.k8s.io"],"resources":["certificatesigningrequests/status"]},)"
        R"({"verbs":["sign"],"apiGroups":["*"],"resources":["signers"],"resourceNames":["example.com/foo"]},)"
        R"({"verbs":["*"],"apiGroups":[""],"resources":["*"],"resourceNames":["one"]}]}})",
        "application/json");
  });
  const auto rules = connect(server.access(cluster().ca))->what_may_i();
  REQUIRE(rules.has_value());
  const auto seen = server.seen();
  CHECK(seen[0].target == "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews");
  const std::string certificates = "certificates.k8s.io";
  struct Row {
    AccessQuestion question;
    bool granted;
  };
  const std::vector<Row> rows = {
      {{"get", certificates, "certificatesigningrequests", "", "", ""}, true},
      {{"get", certificates, "certificatesigningrequests", "", "any", ""}, true},
      {{"watch", certificates, "certificatesigningrequests", "", "", ""}, false},
      {{"get", "", "certificatesigningrequests", "", "", ""}, false},
      {{"get", certificates, "certificatesigningrequests", "", "", "foo"}, false},
      {{"patch", certificates, "certificatesigningrequests", "", "", ""}, false},
      {{"patch", certificates, "certificatesigningrequests", "status", "", ""}, true},
      {{"patch", certificates, "certificatesigningrequests", "approval", "", ""}, false},
      {{"sign", certificates, "signers", "", "example.com/foo", ""}, true},
      {{"sign", certificates, "signers", "", "example.com/bar", ""}, false},
      {{"sign", certificates, "signers", "", "", ""}, false},
      {{"delete", "", "pods", "", "one", ""}, true},
      {{"delete", "", "pods", "", "", ""}, false},
  };
  for (const Row& row : rows) {
    INFO(row.question.verb << " " << row.question.resource << " " << row.question.name);
    const bool granted = std::ranges::any_of(*rules, [&](const AccessRule& rule) { return rule.grants(row.question); });
    CHECK(granted == row.granted);
  }
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
