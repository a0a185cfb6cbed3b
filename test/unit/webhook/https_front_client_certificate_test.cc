#include <openssl/pem.h>
#include <openssl/ssl.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "test/unit/trust/certificate_maker.h"
#include "test/unit/webhook/front_client.h"
#include "webhook/https_front.h"

namespace signet {
namespace {

using namespace std::chrono_literals;
using test::Answer;
using test::CertificateSpec;
using test::eventually;
using test::Issued;
using test::make_certificate;
using test::RawClient;

std::chrono::sys_seconds now() { return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now()); }

std::string key_pem(const Issued& issued) {
  const BioPtr out(BIO_new(BIO_s_mem()));
  PEM_write_bio_PKCS8PrivateKey(out.get(), issued.key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  char* text = nullptr;
  const long size = BIO_get_mem_data(out.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

Issued make_authority(const std::string& name, const Issued* above = nullptr) {
  CertificateSpec spec = test::ca_spec(name);
  spec.not_before = now() - 1h;
  spec.not_after = now() + 1h;
  return make_certificate(spec, above);
}

CertificateSpec client_spec() {
  CertificateSpec spec{.common_name = "kube-apiserver", .extensions = {}};
  spec.not_before = now() - 1h;
  spec.not_after = now() + 1h;
  spec.with("extendedKeyUsage", "clientAuth");
  return spec;
}

// What a client with such a certificate shows.
TlsIdentity shown(const CertificateSpec& spec, const Issued* issuer, const std::string& intermediates = "") {
  const Issued made = make_certificate(spec, issuer);
  return {.certificate_pem = made.pem() + intermediates, .key_pem = key_pem(made)};
}

const Issued& authority() {
  static const Issued made = make_authority("clients");
  return made;
}

const TlsIdentity& api_server() {
  static const TlsIdentity made = shown(client_spec(), &authority());
  return made;
}

// A front that asks for certificates, and counts the requests that its handler is given.
struct Served {
  explicit Served(const FrontLimits& limits = {}, const std::string& client_ca = authority().pem())
      : identity(test::make_identity()) {
    identity.client_ca_pem = client_ca;
    auto started = HttpsFront::start("127.0.0.1:0", identity, limits, {{"/validate", true, true}, {"/livez", false}},
                                     [this](const HttpRequest& request) {
                                       (request.path == "/livez" ? probes : reviews)++;
                                       return HttpResponse{200, "text/plain", std::string(request.body)};
                                     });
    REQUIRE(started.has_value());
    front = *std::move(started);
  }

  std::atomic<int> reviews = 0;
  std::atomic<int> probes = 0;
  TlsIdentity identity;
  std::unique_ptr<HttpsFront> front;
};

std::string head(std::size_t body_size) {
  return "POST /validate HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: " +
         std::to_string(body_size) + "\r\n\r\n";
}

constexpr std::string_view kProbe = "GET /livez HTTP/1.1\r\nHost: a\r\n\r\n";

// The status of a review that is posted; nothing where there is no answer.
std::optional<int> review(RawClient& client) {
  // The server may have ended it already.
  client.send(head(2) + "{}");
  const auto answer = client.receive();
  return answer ? std::optional(answer->status) : std::nullopt;
}

TEST_CASE("Who shows a good certificate is answered, and with a bad one there is no connection") {
  const Issued other = make_authority("clients");
  const Issued intermediate = make_authority("clients below", &authority());
  const auto with = [](const std::string& usages) { return client_spec().with("extendedKeyUsage", usages); };
  const auto valid = [](std::chrono::seconds from, std::chrono::seconds to) {
    CertificateSpec spec = client_spec();
    spec.not_before = now() + from;
    spec.not_after = now() + to;
    return spec;
  };
  struct Row {
    const char* name;
    TlsIdentity identity;
    const char* alert;  // empty: answered
  };
  const std::vector<Row> rows{
      {"by the CA", api_server(), ""},
      {"for servers too", shown(with("serverAuth,clientAuth"), &authority()), ""},
      {"by an intermediate that it shows", shown(client_spec(), &intermediate, intermediate.pem()), ""},
      {"by an intermediate that it does not show", shown(client_spec(), &intermediate), "unknown ca"},
      {"by another CA of the same name", shown(client_spec(), &other), "decrypt error"},
      {"by itself", shown(client_spec(), nullptr), "unknown ca"},
      {"expired", shown(valid(-2h, -1s), &authority()), "certificate expired"},
      {"not valid yet", shown(valid(1h, 2h), &authority()), "bad certificate"},
      {"for servers", shown(with("serverAuth"), &authority()), "unsupported certificate"},
      {"for any usage", shown(with("anyExtendedKeyUsage"), &authority()), "unsupported certificate"},
      {"for no usage", shown(with(""), &authority()), "unsupported certificate"},
      {"the CA itself",
       {.certificate_pem = authority().pem(), .key_pem = key_pem(authority())},
       "unsupported certificate"},
  };
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    for (const Row& row : rows) {
      CAPTURE(version, row.name);
      Served served;
      RawClient client(served.front->port());
      client.show(row.identity);
      if (*row.alert == '\0') {
        REQUIRE(client.handshake(version));
        CHECK(review(client) == 200);
        CHECK(review(client) == 200);
        continue;
      }
      // A client of TLS 1.3 has done its part before the server looks (RFC 8446 §2).
      const bool greeted = client.handshake(version);
      CHECK(greeted == (version == TLS1_3_VERSION));
      CHECK((!greeted || review(client) == std::nullopt));
      CHECK_THAT(client.failure(), Catch::Matchers::Contains(row.alert));
      CHECK(served.reviews == 0);
    }
  }
}

TEST_CASE("Who shows no certificate is answered about health alone") {
  Served served;
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    CAPTURE(version);
    RawClient client(served.front->port());
    REQUIRE(client.handshake(version));
    for (int i = 0; i < 2; ++i) {
      REQUIRE(client.send(kProbe));
      CHECK(client.receive().value_or(Answer{}).status == 200);
    }
    // Before any of the body is there.
    REQUIRE(client.send(head(1000)));
    const auto refused = client.receive();
    REQUIRE(refused);
    CHECK(refused->status == 403);
    CHECK(refused->body == "signet: this path is for clients that show a certificate\n");
    CHECK(client.at_end());
  }
  CHECK(served.reviews == 0);
  CHECK(served.probes == 4);
}

TEST_CASE("A certificate that was shown before counts for no other connection") {
  Served served;
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    CAPTURE(version);
    RawClient known(served.front->port());
    known.show(api_server());
    REQUIRE(known.handshake(version));
    REQUIRE(review(known) == 200);
    RawClient next(served.front->port());
    next.offer_session_of(known);
    REQUIRE(next.handshake(version));
    CHECK_FALSE(next.is_resumed());
    CHECK(review(next) == 403);
  }
}

TEST_CASE("Several CAs, and an intermediate without its root, are believed") {
  const Issued other = make_authority("others");
  const Issued intermediate = make_authority("others below", &other);
  const Served served({}, authority().pem() + intermediate.pem());
  for (const TlsIdentity& identity : {api_server(), shown(client_spec(), &intermediate)}) {
    RawClient client(served.front->port());
    client.show(identity);
    REQUIRE(client.handshake());
    CHECK(review(client) == 200);
  }
}

TEST_CASE("Another client CA is for new connections, and those that are open stay as they are") {
  Served served;
  const Issued other = make_authority("others");
  RawClient before(served.front->port());
  before.show(api_server());
  REQUIRE(before.handshake());
  REQUIRE(review(before) == 200);

  served.identity.client_ca_pem = other.pem();
  REQUIRE(served.front->set_identity(served.identity).has_value());
  CHECK(review(before) == 200);
  RawClient late(served.front->port());
  late.show(api_server());
  CHECK((!late.handshake() || review(late) == std::nullopt));
  RawClient after(served.front->port());
  after.show(shown(client_spec(), &other));
  REQUIRE(after.handshake());
  CHECK(review(after) == 200);
}

TEST_CASE("Known clients keep their places, however many strangers are answered about health") {
  FrontLimits limits;
  limits.threads = 1;
  limits.max_connections = 8;
  limits.patience_at_cap = 1h;
  Served served(limits);
  std::deque<RawClient> known;
  for (int i = 0; i < 3; ++i) {
    known.emplace_back(served.front->port());
    known.back().show(api_server());
    REQUIRE(known.back().handshake());
  }
  REQUIRE(eventually([&] { return served.front->counts().idle == 3; }));
  std::deque<RawClient> strangers;
  for (int i = 0; i < 50; ++i) {
    strangers.emplace_back(served.front->port());
    REQUIRE(strangers.back().handshake());
    REQUIRE(strangers.back().send(kProbe));
    REQUIRE(strangers.back().receive().value_or(Answer{}).status == 200);
  }
  for (RawClient& client : known) {
    CHECK(review(client) == 200);
  }
  CHECK(served.front->counts().closed_for_room == 45);
  // And a new one finds a place.
  RawClient next(served.front->port());
  next.show(api_server());
  REQUIRE(next.handshake());
  CHECK(review(next) == 200);
  CHECK(served.reviews == 4);
}

TEST_CASE("A client that shows more certificates than anybody has is not heard") {
  Served served;
  std::string crowd;
  for (int i = 0; i < 100; ++i) {
    crowd += authority().pem();
  }
  TlsIdentity identity = api_server();
  identity.certificate_pem += crowd;
  RawClient client(served.front->port());
  client.show(identity);
  CHECK((!client.handshake() || review(client) == std::nullopt));
}

}  // namespace
}  // namespace signet
