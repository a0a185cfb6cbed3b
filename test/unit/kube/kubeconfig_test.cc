#include "signer/kube/kubeconfig.h"

#include <stdlib.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

namespace signet {
namespace {

// A folder of its own that goes with it.
class Folder {
 public:
  Folder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "signet-kube-XXXXXX").string();
    REQUIRE(::mkdtemp(pattern.data()) != nullptr);
    path_ = pattern;
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  std::string write(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories((path_ / name).parent_path());
    std::ofstream(path_ / name, std::ios::binary) << text;
    return (path_ / name).string();
  }
  std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

std::string kubeconfig(const std::string& cluster, const std::string& user) {
  return R"(apiVersion: v1
kind: Config
current-context: here
contexts:
- name: elsewhere
  context: {cluster: none, user: none}
- name: here
  context: {cluster: c, user: u}
clusters:
- name: c
  cluster: {)" +
         cluster + R"(}
users:
- name: u
  user: {)" +
         user + "}\n";
}

// "ca", "cert" and "key".
constexpr const char* kCluster = R"(server: "https://[::1]:6443", certificate-authority-data: Y2E=)";
constexpr const char* kUser = "client-certificate-data: Y2VydA==, client-key-data: a2V5";

TEST_CASE("A kubeconfig with its data inside is read") {
  const Folder folder;
  const auto access = load_kubeconfig(folder.write("config", kubeconfig(kCluster, kUser)));
  REQUIRE(access.has_value());
  CHECK(access->host == "::1");
  CHECK(access->port == 6443);
  CHECK(access->path_prefix.empty());
  CHECK(access->ca_pem == "ca");
  CHECK(access->client_certificate_pem == "cert");
  CHECK(access->client_key_pem == "key");
  CHECK(access->ca_file.empty());
  CHECK(access->client_certificate_file.empty());
  CHECK(access->client_key_file.empty());
  CHECK(access->token.empty());
  CHECK(access->token_file.empty());
}

TEST_CASE("Paths in a kubeconfig are relative to its folder, and absolute ones stay") {
  const Folder folder;
  folder.write("pki/ca.crt", "the ca");
  const std::string key = folder.write("elsewhere/key.pem", "the key");
  folder.write("cert.pem", "the cert");
  const auto access = load_kubeconfig(folder.write(
      "config",
      kubeconfig(
          "server: https://kube.example/prefix/, insecure-skip-tls-verify: false, certificate-authority: pki/ca.crt",
          "client-certificate: cert.pem, client-key: " + key + ", tokenFile: token")));
  REQUIRE(access.has_value());
  CHECK(access->host == "kube.example");
  CHECK(access->port == 443);
  CHECK(access->path_prefix == "/prefix");
  CHECK(access->ca_pem == "the ca");
  CHECK(access->client_certificate_pem == "the cert");
  CHECK(access->client_key_pem == "the key");
  CHECK(access->ca_file == folder.path() + "/pki/ca.crt");
  CHECK(access->client_certificate_file == folder.path() + "/cert.pem");
  CHECK(access->client_key_file == key);
  CHECK(access->token_file == folder.path() + "/token");
}

TEST_CASE("A kubeconfig that asks for less than verified TLS, or that we cannot follow, is refused with its place") {
  const std::string ca = "server: https://h, certificate-authority-data: Y2E=";
  struct Row {
    const char* name;
    std::string text;
    std::string error;
  };
  const Row rows[] = {
      {"no CA", kubeconfig("server: https://h", kUser),
       ":11:12: certificate-authority or certificate-authority-data must be set"},
      {"insecure", kubeconfig(ca + ", insecure-skip-tls-verify: true", kUser),
       ":11:92: insecure-skip-tls-verify is not supported: the API server's certificate is always verified"},
      {"http", kubeconfig("server: http://h", kUser), R"(:11:21: server: "http://h" must begin with https://)"},
      {"no server", kubeconfig("certificate-authority-data: Y2E=", kUser),
       R"(:11:12: server: "" must begin with https://)"},
      {"port", kubeconfig("server: https://h:0", kUser),
       R"(:11:21: server: "https://h:0" must have a port from 1 to 65535)"},
      {"password in the URL", kubeconfig("server: https://u:secret@h", kUser),
       ":11:21: server: must not have a user or a password"},
      {"server name", kubeconfig(ca + ", tls-server-name: x", kUser),
       ":11:83: tls-server-name is not supported: the certificate must be for the host of the server URL"},
      {"proxy", kubeconfig(ca + ", proxy-url: x", kUser),
       ":11:77: proxy-url is not supported: the API server is reached directly"},
      {"CA base64", kubeconfig("server: https://h, certificate-authority-data: Y2E", kUser),
       ":11:60: certificate-authority-data: byte 3: the length of base64 is not a multiple of 4"},
      {"exec", kubeconfig(ca, "exec: {command: x}"),
       ":14:16: exec is not supported: Signet runs no credential plugins"},
      {"auth-provider", kubeconfig(ca, "auth-provider: {name: x}"),
       ":14:25: auth-provider is not supported: Signet runs no credential plugins"},
      {"password", kubeconfig(ca, "username: a, password: b"),
       ":14:20: username is not supported: use a client certificate or a token"},
      {"impersonation", kubeconfig(ca, "token: t, as: root"),
       ":14:24: as is not supported: Signet impersonates nobody"},
      {"nobody", kubeconfig(ca, ""), ":14:9: the user has neither a client certificate nor a token"},
      {"no key", kubeconfig(ca, "client-certificate-data: Y2VydA=="),
       ":14:9: client-certificate and client-key go together"},
      {"token of a wrong type", kubeconfig(ca, "token: [a]"), ":14:17: token must be a string"},
      {"token that is a number to others", kubeconfig(ca, "token: 1e3"),
       ":14:17: token must be a string; without quotes it is something else to YAML readers: quote it"},
      {"repeated key", kubeconfig(ca, "token: a, token: b"),
       ":14:20: key \"token\" is repeated; it stands in line 14 already"},
      {"anchor", "a: &x 1\nb: *x\n", ":1:4: anchors are not allowed: write the value out where it is used"},
      {"two documents", "a: 1\n---\na: 2\n", ":2:1: several documents in one file; exactly one is read"},
      {"not a map", "- a\n", ":1:1: a kubeconfig must be a map"},
      {"empty", "", ": a kubeconfig must be a map"},
      {"not YAML", "a: [1\nb: {", ":2:2: not YAML: end of sequence flow not found"},
      {"too deep", std::string(100'000, '['), ":1:17: nested deeper than 32 levels"},
      {"no context", "current-context: x\n", ":1:18: no context is named \"x\""},
      {"no current context", "contexts: []\n", ":1:1: current-context must be set"},
      {"contexts of a wrong type", "current-context: x\ncontexts: 7\n", ":2:11: contexts must be a list"},
      {"unknown cluster", "current-context: x\ncontexts:\n- name: x\n  context: {cluster: other}\n",
       ":4:12: no cluster is named \"other\""},
  };
  const Folder folder;
  for (const Row& row : rows) {
    INFO(row.name);
    const std::string file = folder.write("config", row.text);
    const auto access = load_kubeconfig(file);
    REQUIRE_FALSE(access.has_value());
    CHECK(access.error() == file + row.error);
  }
}

TEST_CASE("A file that is missing, a folder or too large is refused with its name") {
  const Folder folder;
  CHECK(load_kubeconfig(folder.path() + "/none").error() == folder.path() + "/none: No such file or directory");
  CHECK(load_kubeconfig(folder.path()).error() == folder.path() + ": is a directory, not a file");
  const std::string large = folder.write("large", std::string((1U << 20U) + 1, '#'));
  CHECK(load_kubeconfig(large).error() == large + ": larger than 1048576 bytes");
  const std::string file =
      folder.write("config", kubeconfig("server: https://h, certificate-authority: ca.crt", kUser));
  CHECK(load_kubeconfig(file).error() ==
        file + ":11:55: certificate-authority: " + folder.path() + "/ca.crt: No such file or directory");
  folder.write("ca.crt", "");
  CHECK(load_kubeconfig(file).error() ==
        file + ":11:55: certificate-authority: " + folder.path() + "/ca.crt: the file is empty");
}

TEST_CASE("A server URL is https, a host, perhaps a port and a path, and nothing else") {
  const struct {
    const char* url;
    const char* host;
    int port;
    const char* path;
  } good[] = {
      {"https://h", "h", 443, ""},
      {"https://10.0.0.1:6443/", "10.0.0.1", 6443, ""},
      {"https://[fd00::1]/k8s/c", "fd00::1", 443, "/k8s/c"},
      {"https://h:65535/a//", "h", 65535, "/a"},
  };
  for (const auto& row : good) {
    INFO(row.url);
    const auto access = parse_server_url(row.url);
    REQUIRE(access.has_value());
    CHECK(access->host == row.host);
    CHECK(access->port == row.port);
    CHECK(access->path_prefix == row.path);
  }
  for (const char* url : {"",
                          "h",
                          "http://h",
                          "HTTPS://h",
                          "https://",
                          "https://:1",
                          "https://h:",
                          "https://h:0",
                          "https://h:65536",
                          "https://h:1x",
                          "https://h:-1",
                          "https://u@h",
                          "https://u:p@h",
                          "https://h/?a",
                          "https://h/#a",
                          "https://h/a b",
                          "https://[::1",
                          "https://[::1]1",
                          "https://h\n",
                          "https://a:b:1"}) {
    INFO(url);
    CHECK_FALSE(parse_server_url(url).has_value());
  }
}

TEST_CASE("A pod's service account is read from its folder") {
  const Folder folder;
  InClusterEnvironment environment{"fd00::1", "443", folder.path()};
  CHECK(in_cluster_access(environment).error() == folder.path() + "/ca.crt: No such file or directory");
  folder.write("ca.crt", "the ca");
  CHECK(in_cluster_access(environment).error() == folder.path() + "/token: No such file or directory");
  folder.write("token", "t");
  const auto access = in_cluster_access(environment);
  REQUIRE(access.has_value());
  CHECK(access->host == "fd00::1");
  CHECK(access->port == 443);
  CHECK(access->ca_pem == "the ca");
  CHECK(access->ca_file == folder.path() + "/ca.crt");
  CHECK(access->token_file == folder.path() + "/token");

  environment.port = "https";
  CHECK(in_cluster_access(environment).error() ==
        "KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT: \"https://[fd00::1]:https\" must have a port from 1 to "
        "65535");
  environment.host = "";
  CHECK(in_cluster_access(environment).error().rfind("not in a cluster: ", 0) == 0);
}

}  // namespace
}  // namespace signet
