#include <stdlib.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <string>

#include "signer/kube/kube_client.h"
#include "test/unit/kube/kube_client_fixture.h"

namespace signet {
namespace {

using Kind = KubeError::Kind;

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

TEST_CASE("Who is not known by the token of the file is asked for once more by another that stands there by then") {
  const bool replaces = GENERATE(false, true);
  const TemporaryFile token("first");
  FakeApiServer server(cluster().server, [&](const httplib::Request& request, httplib::Response& response) {
    response.status = request.get_header_value("Authorization") == "Bearer second" ? 200 : 401;
    response.set_content(csr_json("a"), "application/json");
    if (replaces) token.replace("second");
  });
  ClusterAccess access = server.access(cluster().ca);
  access.token_file = token.path();
  CHECK(connect(access)->get_csr("a").has_value() == replaces);
  CHECK(server.seen().size() == (replaces ? 2 : 1));
}

TEST_CASE("The file of the cluster's CA is read anew when it has changed, and counts for every connection") {
  const TestIdentity next_ca = make_test_ca("next cluster ca");
  const TemporaryFile ca(cluster().ca.certificate_pem());
  FakeApiServer server(make_test_leaf(next_ca, "kube-apiserver", "IP:127.0.0.1"), always(200, csr_json("a")));
  ClusterAccess access = server.access(cluster().ca);
  access.ca_file = ca.path();
  const auto client = connect(access);
  const std::string refused = "the server's certificate is refused: unable to get local issuer certificate";
  const std::string other = cluster().ca.certificate_pem();
  const std::string next = next_ca.certificate_pem();
  struct Row {
    const char* name;
    std::string text;
    std::string error;  // its end; empty: the server is asked
  };
  const Row rows[] = {
      {"the one before", other, refused},
      {"nonsense", "nonsense", refused + " (not read: the cluster's CA is not a PEM certificate)"},
      {"the beginning of both", other + next.substr(0, next.size() / 2),
       refused + " (not read: the cluster's CA is not a PEM certificate)"},
      {"both", other + next, ""},
      {"nothing, so what was last stays", "", ""},
      {"the new one", next, ""},
      {"the one before again, with a connection open", other, refused},
      {"the new one again", next, ""},
  };
  for (const Row& row : rows) {
    INFO(row.name);
    ca.replace(row.text);
    const auto csr = client->get_csr("a");
    REQUIRE(csr.has_value() == row.error.empty());
    if (!csr) CHECK_THAT(csr.error().message, Catch::EndsWith(row.error));
    const auto watched = client->watch_csrs("", {"1", std::chrono::seconds(1)}, {}, {});
    CHECK((watched || watched.error().kind != Kind::kTransport) == row.error.empty());
  }
}

TEST_CASE("The files of the client certificate are read anew when both have changed") {
  const TestIdentity client_ca = make_test_ca("client ca");
  const TestIdentity expired = make_test_leaf(make_test_ca("another ca"), "signet", "");
  const TestIdentity renewed = make_test_leaf(client_ca, "signet", "");
  const TemporaryFile certificate(expired.certificate_pem());
  const TemporaryFile key(expired.key_pem());
  FakeApiServer server(cluster().server, always(200, csr_json("a")), &client_ca);
  ClusterAccess access = server.access(cluster().ca);
  access.client_certificate_pem = expired.certificate_pem();
  access.client_key_pem = expired.key_pem();
  access.client_certificate_file = certificate.path();
  access.client_key_file = key.path();
  const auto client = connect(access);
  CHECK_FALSE(client->get_csr("a").has_value());
  certificate.replace(renewed.certificate_pem());
  CHECK_THAT(client->get_csr("a").error().message,
             Catch::EndsWith("(not read: the client key is not that of the client certificate)"));
  key.replace(renewed.key_pem());
  CHECK(client->get_csr("a").has_value());
}

}  // namespace
}  // namespace signet
