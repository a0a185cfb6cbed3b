#include <catch2/catch.hpp>
#include <string>

#include "test/unit/kube/kube_client_fixture.h"

namespace signet {
namespace {

using Kind = KubeError::Kind;

TEST_CASE("A Secret of any type is read with all of its data") {
  FakeApiServer server(cluster().server, always(200, R"({"metadata":{"resourceVersion":"7"},"type":"Opaque","data":)"
                                                     R"({"ca.key":"a2V5","empty":"","tls.crt":"Y2VydA=="}})"));
  const auto data = connect(server.access(cluster().ca))->get_secret("ns", "serving");
  REQUIRE(data.has_value());
  CHECK(data->resource_version == "7");
  CHECK(data->values ==
        std::map<std::string, std::string, std::less<>>{{"ca.key", "key"}, {"empty", ""}, {"tls.crt", "cert"}});
  CHECK(server.seen()[0].target == "/api/v1/namespaces/ns/secrets/serving");
}

TEST_CASE("A Secret that is empty, missing or not readable is told apart") {
  struct Row {
    int status;
    std::string body;
    std::optional<Kind> error;
  };
  const Row rows[] = {
      {200, R"({"metadata":{"resourceVersion":"7"}})", std::nullopt},
      {200, R"({"metadata":{"resourceVersion":"7"},"data":null})", std::nullopt},
      {404, R"({"message":"not found"})", Kind::kNotFound},
      {403, R"({"message":"no"})", Kind::kForbidden},
      {200, R"({"metadata":{},"data":{}})", Kind::kBadResponse},
      {200, R"({"metadata":{"resourceVersion":"7"},"data":{"a":"?"}})", Kind::kBadResponse},
      {200, "[", Kind::kBadResponse},
  };
  for (const Row& row : rows) {
    CAPTURE(row.status, row.body);
    FakeApiServer server(cluster().server, always(row.status, row.body));
    const auto data = connect(server.access(cluster().ca))->get_secret("ns", "serving");
    CHECK(data.has_value() == !row.error);
    CHECK((data ? data->values.empty() : data.error().kind == row.error));
  }
}

TEST_CASE("A Secret is created, or written over the version that was read") {
  FakeApiServer server(cluster().server, always(200, "{}"));
  const auto client = connect(server.access(cluster().ca));
  SecretData data;
  data.values = {{"ca.key", "key"}, {"tls.crt", "cert"}};
  REQUIRE(client->write_secret("ns", "serving", data).has_value());
  data.resource_version = "7";
  REQUIRE(client->write_secret("ns", "serving", data).has_value());

  const auto seen = server.seen();
  REQUIRE(seen.size() == 2);
  CHECK(seen[0].method == "POST");
  CHECK(seen[0].target == "/api/v1/namespaces/ns/secrets?fieldManager=signet");
  CHECK(seen[0].header("Content-Type") == "application/json");
  CHECK(seen[0].body == R"({"apiVersion":"v1","kind":"Secret","type":"Opaque","metadata":{"name":"serving","labels":)"
                        R"({"app.kubernetes.io/managed-by":"signet"}},"data":{"ca.key":"a2V5","tls.crt":"Y2VydA=="}})");
  CHECK(seen[1].method == "PATCH");
  CHECK(seen[1].target == "/api/v1/namespaces/ns/secrets/serving?fieldManager=signet");
  CHECK(seen[1].header("Content-Type") == "application/merge-patch+json");
  CHECK(seen[1].body == R"({"metadata":{"resourceVersion":"7"},"data":{"ca.key":"a2V5","tls.crt":"Y2VydA=="}})");
}

TEST_CASE("A Secret that somebody else has written is a conflict") {
  FakeApiServer server(cluster().server, always(409, R"({"message":"the object has been modified"})"));
  const auto client = connect(server.access(cluster().ca));
  SecretData data;
  CHECK(client->write_secret("ns", "serving", data).error().kind == Kind::kConflict);
  data.resource_version = "7";
  CHECK(client->write_secret("ns", "serving", data).error().kind == Kind::kConflict);
}

TEST_CASE("The clients of a webhook configuration are read") {
  FakeApiServer server(
      cluster().server,
      always(200,
             R"({"metadata":{"resourceVersion":"7"},"webhooks":[)"
             R"({"name":"a","clientConfig":{"url":"https://h:1/validate","caBundle":"Y2VydA=="}},)"
             R"({"name":"b","clientConfig":{"service":{"namespace":"ns","name":"signet","path":"/validate"}}}]})"));
  const auto client = connect(server.access(cluster().ca));
  const auto validating = client->get_webhooks(WebhookKind::kValidating, "signet");
  REQUIRE(validating.has_value());
  CHECK(validating->resource_version == "7");
  REQUIRE(validating->webhooks.size() == 2);
  CHECK(validating->webhooks[0].name == "a");
  CHECK(validating->webhooks[0].url == "https://h:1/validate");
  CHECK(validating->webhooks[0].ca_bundle == "cert");
  CHECK(validating->webhooks[1].url.empty());
  CHECK(validating->webhooks[1].service_namespace == "ns");
  CHECK(validating->webhooks[1].service_name == "signet");
  CHECK(validating->webhooks[1].ca_bundle.empty());
  REQUIRE(client->get_webhooks(WebhookKind::kMutating, "signet").has_value());
  const auto seen = server.seen();
  CHECK(seen[0].target == "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/signet");
  CHECK(seen[1].target == "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/signet");
}

TEST_CASE("A caBundle is set by the names of the webhooks, on the version that was read") {
  FakeApiServer server(cluster().server, always(200, "{}"));
  const auto client = connect(server.access(cluster().ca));
  REQUIRE(client->set_ca_bundle(WebhookKind::kMutating, "signet", "7", {"a", "b"}, "cert").has_value());
  const auto seen = server.seen();
  CHECK(seen[0].method == "PATCH");
  CHECK(seen[0].target ==
        "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/signet?fieldManager=signet");
  CHECK(seen[0].header("Content-Type") == "application/strategic-merge-patch+json");
  CHECK(seen[0].body == R"({"metadata":{"resourceVersion":"7"},"webhooks":[)"
                        R"({"name":"a","clientConfig":{"caBundle":"Y2VydA=="}},)"
                        R"({"name":"b","clientConfig":{"caBundle":"Y2VydA=="}}]})");
}

}  // namespace
}  // namespace signet
