#include "tools/signet/serving/serving_keeper.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "test/unit/issue/fake_kube_api.h"
#include "test/unit/reload/serving_material.h"

using namespace signet;
using namespace signet::test;

namespace {

using namespace std::chrono_literals;
using Kind = KubeError::Kind;

constexpr std::chrono::hours kDay = 24h;

const ServingPlace kPlace = {.name_space = "signet-system", .secret = "signet-serving", .dns_name = kServingName};

/// One Secret and two configurations in memory, with the API server's rules for resourceVersion.
class FakeServingApi final : public ServingApi {
 public:
  KubeResult<SecretData> get_secret(const std::string&, const std::string&) override {
    if (!secret) return tl::unexpected(kube_error(secret_error, "no Secret"));
    return *secret;
  }
  KubeResult<void> write_secret(const std::string&, const std::string&, const SecretData& data) override {
    if (auto meanwhile = std::exchange(before_write, nullptr)) meanwhile();
    if ((secret ? secret->resource_version : "") != data.resource_version) {
      return tl::unexpected(kube_error(Kind::kConflict, "conflict"));
    }
    put(data);
    return {};
  }
  KubeResult<WebhookClients> get_webhooks(WebhookKind kind, const std::string& name) override {
    CHECK(name == "signet");
    const auto found = webhooks.find(kind);
    if (found == webhooks.end()) return tl::unexpected(kube_error(webhooks_error, "no configuration"));
    return found->second;
  }
  KubeResult<void> set_ca_bundle(WebhookKind kind, const std::string&, const std::string& expected,
                                 const std::vector<std::string>& names, const std::string& ca_bundle) override {
    WebhookClients& clients = webhooks.at(kind);
    if (expected != clients.resource_version) return tl::unexpected(kube_error(Kind::kConflict, "conflict"));
    for (WebhookClient& webhook : clients.webhooks) {
      if (std::ranges::find(names, webhook.name) != names.end()) webhook.ca_bundle = ca_bundle;
    }
    clients.resource_version += "+";
    ++patches;
    return {};
  }

  void put(const SecretData& data) {
    secret = data;
    secret->resource_version = std::to_string(++version);
    ++writes;
  }
  void put(const ServingMaterial& material) {
    SecretData data;
    data.values = {{"ca.crt", material.ca_crt},
                   {"ca.key", material.ca_key},
                   {"tls.crt", material.tls_crt},
                   {"tls.key", material.tls_key}};
    put(data);
  }
  [[nodiscard]] std::string held(const char* key) const { return secret->values.find(key)->second; }

  std::optional<SecretData> secret;
  Kind secret_error = Kind::kNotFound;
  std::function<void()> before_write;
  std::map<WebhookKind, WebhookClients> webhooks;
  Kind webhooks_error = Kind::kNotFound;
  int version = 0;
  int writes = 0;
  int patches = 0;
};

WebhookClients by_service(const std::string& ca_bundle) {
  return {.webhooks = {{.name = "ours",
                        .url = "",
                        .service_namespace = "signet-system",
                        .service_name = "signet",
                        .ca_bundle = ca_bundle}},
          .resource_version = "1"};
}

ServingMaterial fresh() { return *new_serving_material(kServingName, kNow); }

}  // namespace

TEST_CASE("a Secret that is not there is created, and one that is empty filled") {
  for (const bool is_there : {false, true}) {
    CAPTURE(is_there);
    FakeServingApi api;
    if (is_there) api.put(SecretData{});
    const ServingMaterial first = fresh();
    ServingKeeper keeper(kPlace, api, first);
    CHECK_FALSE(keeper.is_shared());
    CHECK(keeper.material() == first);
    REQUIRE(keeper.keep(kNow));
    CHECK(keeper.is_shared());
    CHECK(keeper.material() == first);
    CHECK(api.held("tls.crt") == first.tls_crt);
    CHECK(api.held("ca.key") == first.ca_key);
    const int writes = api.writes;
    REQUIRE(keeper.keep(kNow));
    CHECK(api.writes == writes);
  }
}

TEST_CASE("what another replica wrote first is what all of them have") {
  FakeServingApi api;
  const ServingMaterial others = fresh();
  api.before_write = [&] { api.put(others); };
  ServingKeeper keeper(kPlace, api, fresh());
  REQUIRE(keeper.keep(kNow));
  CHECK(keeper.material() == others);
  CHECK(api.writes == 1);

  // And at a renewal.
  const Issued ca = serving_ca(kNow - kDay, kNow + 400 * kDay);
  api.put(material(ca, "", ca, kNow - 60 * kDay, kNow + 30 * kDay));
  const ServingMaterial renewed = material(ca, "", ca, kNow, kNow + 90 * kDay);
  api.before_write = [&] { api.put(renewed); };
  REQUIRE(keeper.keep(kNow));
  CHECK(keeper.material() == renewed);
  CHECK(api.writes == 3);
}

TEST_CASE("a Secret that cannot be read or is not Signet's is left alone, and what is shown stays") {
  struct Row {
    std::string name;
    std::function<void(FakeServingApi&)> spoil;
    std::string error;
  };
  const std::vector<Row> rows = {
      {"not allowed",
       [](FakeServingApi& api) {
         api.secret.reset();
         api.secret_error = Kind::kForbidden;
       },
       "Secret signet-system/signet-serving: no Secret"},
      {"somebody's certificate without a CA", [](FakeServingApi& api) { api.secret->values.erase("ca.key"); },
       "Secret signet-system/signet-serving: has no ca.key: Signet did not make"},
      {"broken", [](FakeServingApi& api) { api.secret->values["ca.crt"] = "broken"; },
       "Secret signet-system/signet-serving: ca.crt: "},
  };
  for (const Row& row : rows) {
    INFO(row.name);
    FakeServingApi api;
    ServingKeeper keeper(kPlace, api, fresh());
    REQUIRE(keeper.keep(kNow));
    const ServingMaterial before = keeper.material();
    row.spoil(api);
    const int writes = api.writes;
    const auto kept = keeper.keep(kNow);
    REQUIRE_FALSE(kept);
    CHECK_THAT(kept.error(), Catch::Matchers::StartsWith(row.error));
    CHECK(keeper.material() == before);
    CHECK(api.writes == writes);
  }
}

TEST_CASE("a Secret that somebody deleted is made again as it was") {
  FakeServingApi api;
  ServingKeeper keeper(kPlace, api, fresh());
  REQUIRE(keeper.keep(kNow));
  const ServingMaterial before = keeper.material();
  api.secret.reset();
  REQUIRE(keeper.keep(kNow));
  CHECK(keeper.material() == before);
  CHECK(api.held("tls.crt") == before.tls_crt);
}

TEST_CASE("the webhooks that call Signet trust its CAs, and others are left alone") {
  const auto webhook = [](const std::string& url, const std::string& name_space, const std::string& name) {
    return WebhookClient{
        .name = "w", .url = url, .service_namespace = name_space, .service_name = name, .ca_bundle = "x"};
  };
  struct Row {
    std::string name;
    WebhookClient webhook;
    bool ours;
  };
  const std::string host = std::string("https://") + kServingName;
  const std::vector<Row> rows = {
      {"its Service", webhook("", "signet-system", "signet"), true},
      {"a Service of another namespace", webhook("", "foo", "signet"), false},
      {"another Service", webhook("", "signet-system", "other"), false},
      {"its name", webhook(host + "/validate", "", ""), true},
      {"its name and a port", webhook(host + ":8443/validate", "", ""), true},
      {"its name in capitals", webhook("https://Signet.Signet-System.SVC/validate", "", ""), true},
      {"a longer name", webhook(host + ".example.com/validate", "", ""), false},
      {"another host", webhook("https://127.0.0.1:8443/validate", "", ""), false},
  };
  for (const Row& row : rows) {
    INFO(row.name);
    FakeServingApi api;
    api.webhooks[WebhookKind::kMutating] = {.webhooks = {row.webhook}, .resource_version = "1"};
    ServingKeeper keeper(kPlace, api, fresh());
    REQUIRE(keeper.keep(kNow));
    const std::string& bundle = api.webhooks[WebhookKind::kMutating].webhooks[0].ca_bundle;
    CHECK(bundle == (row.ours ? keeper.material().ca_crt : "x"));
    REQUIRE(keeper.keep(kNow));
    CHECK(api.patches == (row.ours ? 1 : 0));
  }
}

TEST_CASE("a configuration that cannot be written is told, and does not keep the Secret from being kept") {
  FakeServingApi api;
  api.webhooks_error = Kind::kForbidden;
  ServingKeeper keeper(kPlace, api, fresh());
  const auto kept = keeper.keep(kNow);
  REQUIRE_FALSE(kept);
  CHECK(kept.error() ==
        "the caBundle of ValidatingWebhookConfiguration signet: no configuration; "
        "the caBundle of MutatingWebhookConfiguration signet: no configuration");
  CHECK(keeper.is_shared());
}

TEST_CASE("a new CA signs only when the webhooks were seen to trust it") {
  FakeServingApi api;
  const Issued old = serving_ca(kNow - 300 * kDay, kNow + 100 * kDay);
  api.put(material(old, "", old, kNow - 60 * kDay, kNow + 30 * kDay));
  for (const WebhookKind kind : {WebhookKind::kValidating, WebhookKind::kMutating}) {
    api.webhooks[kind] = by_service(old.pem());
  }
  ServingKeeper keeper(kPlace, api, fresh());
  const std::string before = api.held("tls.crt");
  // The CA is followed by another, beside it; then the webhooks are seen to have both; then the certificate follows.
  REQUIRE(keeper.keep(kNow));
  CHECK(certificates_of(api.held("ca.crt")).size() == 2);
  CHECK(api.held("tls.crt") == before);
  CHECK(api.webhooks[WebhookKind::kMutating].webhooks[0].ca_bundle == api.held("ca.crt"));
  REQUIRE(keeper.keep(kNow));
  CHECK(api.held("tls.crt") == before);
  REQUIRE(keeper.keep(kNow));
  CHECK(api.held("tls.crt") != before);
  CHECK(keeper.material().tls_crt == api.held("tls.crt"));
  CHECK(has_signed(certificates_of(api.held("ca.crt")).front(), certificates_of(api.held("tls.crt")).front()));
  CHECK(api.patches == 2);
}
