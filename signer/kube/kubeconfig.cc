#include "signer/kube/kubeconfig.h"

#include <yaml-cpp/depthguard.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <sstream>
#include <utility>

#include "signer/kube/base64.h"

namespace signet {
namespace {

// The largest kubeconfig, certificate bundle or token file we read; etcd's limit for what a cluster could hand out is
// about the same.
constexpr std::size_t kMaxFileBytes = std::size_t{1} << 20;
constexpr int kHttpsPort = 443;
constexpr int kMaxPort = 65535;

using Unexpected = tl::unexpected<std::string>;

// A place in the YAML file and what is wrong there. Thrown and caught inside this file only, as yaml-cpp's own
// exceptions are.
struct YamlProblem {
  YAML::Mark mark;
  std::string message;
};

// Sees the YAML as written, before aliases are resolved into nodes.
class PlainYaml : public YAML::EventHandler {
 public:
  void OnDocumentStart(const YAML::Mark& mark) override {
    if (std::exchange(started_, true)) throw YamlProblem{mark, "a second YAML document"};
  }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark&, YAML::anchor_t) override {}
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override { throw YamlProblem{mark, "aliases are not allowed"}; }
  void OnScalar(const YAML::Mark&, const std::string&, YAML::anchor_t, const std::string&) override {}
  void OnSequenceStart(const YAML::Mark&, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {}
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark&, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {}
  void OnMapEnd() override {}

 private:
  bool started_ = false;
};

void refuse_repeated_keys(const YAML::Node& node) {
  if (node.IsMap()) {
    std::set<std::string> keys;
    for (const auto& pair : node) {
      if (!pair.first.IsScalar()) throw YamlProblem{pair.first.Mark(), "a key must be a string"};
      if (!keys.insert(pair.first.Scalar()).second) {
        throw YamlProblem{pair.first.Mark(), "the key \"" + pair.first.Scalar() + "\" is repeated"};
      }
      refuse_repeated_keys(pair.second);
    }
  } else if (node.IsSequence()) {
    for (const auto& element : node) refuse_repeated_keys(element);
  }
}

YAML::Node parse_yaml(const std::string& text) {
  std::istringstream stream(text);
  YAML::Parser parser(stream);
  PlainYaml plain;
  while (parser.HandleNextDocument(plain)) {
  }
  const YAML::Node root = YAML::Load(text);
  if (!root.IsMap()) throw YamlProblem{root.Mark(), "a kubeconfig must be a map"};
  refuse_repeated_keys(root);
  return root;
}

// The value of `key`; null when absent.
YAML::Node child(const YAML::Node& map, const std::string& key) {
  const YAML::Node node = map[key];
  return node.IsDefined() ? node : YAML::Node();
}

// The string under `key`; empty when absent or null.
std::string text_of(const YAML::Node& map, const std::string& key) {
  const YAML::Node node = child(map, key);
  if (node.IsNull()) return {};
  if (!node.IsScalar()) throw YamlProblem{node.Mark(), key + " must be a string"};
  return node.Scalar();
}

// `contexts`, `clusters` and `users` are lists of {name: ..., <kind>: {...}}.
YAML::Node named_entry(const YAML::Node& root, const std::string& list_key, const std::string& kind,
                       const std::string& name, const YAML::Mark& asked_at) {
  const YAML::Node list = child(root, list_key);
  if (!list.IsNull() && !list.IsSequence()) throw YamlProblem{list.Mark(), list_key + " must be a list"};
  for (const auto& entry : list) {
    if (!entry.IsMap()) throw YamlProblem{entry.Mark(), "an entry of " + list_key + " must be a map"};
    if (text_of(entry, "name") != name) continue;
    const YAML::Node value = child(entry, kind);
    if (!value.IsMap()) throw YamlProblem{entry.Mark(), kind + " of \"" + name + "\" must be a map"};
    return value;
  }
  throw YamlProblem{asked_at, "no " + kind + " is named \"" + name + "\""};
}

void refuse_keys(const YAML::Node& map, std::initializer_list<std::pair<const char*, const char*>> refused) {
  for (const auto& [key, why] : refused) {
    const YAML::Node node = child(map, key);
    if (!node.IsNull()) throw YamlProblem{node.Mark(), std::string(key) + " is not supported: " + why};
  }
}

// `<key>-data` in base64, else the file that `<key>` names; empty when neither is set.
std::string data_or_file(const YAML::Node& map, const std::string& key, const std::filesystem::path& folder) {
  const std::string data = text_of(map, key + "-data");
  if (!data.empty()) {
    auto bytes = base64_decode(data);
    if (!bytes) throw YamlProblem{child(map, key + "-data").Mark(), key + "-data: " + bytes.error()};
    return *bytes;
  }
  const std::string file = text_of(map, key);
  if (file.empty()) return {};
  auto bytes = read_small_file((folder / file).string());
  if (!bytes) throw YamlProblem{child(map, key).Mark(), key + ": " + bytes.error()};
  if (bytes->empty())
    throw YamlProblem{child(map, key).Mark(), key + ": " + (folder / file).string() + ": the file is empty"};
  return *bytes;
}

void read_cluster(const YAML::Node& cluster, const std::filesystem::path& folder, ClusterAccess& access) {
  refuse_keys(cluster, {{"proxy-url", "the API server is reached directly"},
                        {"tls-server-name", "the certificate must be for the host of the server URL"}});
  const YAML::Node insecure = child(cluster, "insecure-skip-tls-verify");
  if (!insecure.IsNull() && (!insecure.IsScalar() || insecure.Scalar() != "false")) {
    throw YamlProblem{insecure.Mark(),
                      "insecure-skip-tls-verify is not supported: the API server's certificate is always verified"};
  }
  auto server = parse_server_url(text_of(cluster, "server"));
  if (!server) {
    const YAML::Node node = child(cluster, "server");
    throw YamlProblem{node.IsNull() ? cluster.Mark() : node.Mark(), "server: " + server.error()};
  }
  access = std::move(*server);
  access.ca_pem = data_or_file(cluster, "certificate-authority", folder);
  if (access.ca_pem.empty()) {
    throw YamlProblem{cluster.Mark(), "certificate-authority or certificate-authority-data must be set"};
  }
}

void read_user(const YAML::Node& user, const std::filesystem::path& folder, ClusterAccess& access) {
  refuse_keys(user, {{"exec", "Signet runs no credential plugins"},
                     {"auth-provider", "Signet runs no credential plugins"},
                     {"username", "use a client certificate or a token"},
                     {"password", "use a client certificate or a token"},
                     {"as", "Signet impersonates nobody"},
                     {"as-uid", "Signet impersonates nobody"},
                     {"as-groups", "Signet impersonates nobody"},
                     {"as-user-extra", "Signet impersonates nobody"}});
  access.client_certificate_pem = data_or_file(user, "client-certificate", folder);
  access.client_key_pem = data_or_file(user, "client-key", folder);
  access.token = text_of(user, "token");
  const std::string token_file = text_of(user, "tokenFile");
  if (!token_file.empty()) access.token_file = (folder / token_file).string();
  if (access.client_certificate_pem.empty() != access.client_key_pem.empty()) {
    throw YamlProblem{user.Mark(), "client-certificate and client-key go together"};
  }
  if (access.client_key_pem.empty() && access.token.empty() && access.token_file.empty()) {
    throw YamlProblem{user.Mark(), "the user has neither a client certificate nor a token"};
  }
}

ClusterAccess read_kubeconfig(const std::string& text, const std::filesystem::path& folder) {
  const YAML::Node root = parse_yaml(text);
  const std::string current = text_of(root, "current-context");
  if (current.empty()) throw YamlProblem{root.Mark(), "current-context must be set"};
  const YAML::Node context = named_entry(root, "contexts", "context", current, child(root, "current-context").Mark());

  ClusterAccess access;
  read_cluster(named_entry(root, "clusters", "cluster", text_of(context, "cluster"), context.Mark()), folder, access);
  read_user(named_entry(root, "users", "user", text_of(context, "user"), context.Mark()), folder, access);
  return access;
}

std::string place(const std::string& file, const YAML::Mark& mark) {
  if (mark.is_null()) return file + ": ";
  return file + ':' + std::to_string(mark.line + 1) + ':' + std::to_string(mark.column + 1) + ": ";
}

bool is_host(std::string_view host) {
  const auto is_host_character = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
           c == ':';
  };
  return !host.empty() && std::all_of(host.begin(), host.end(), is_host_character);
}

bool is_path(std::string_view path) {
  return std::all_of(path.begin(), path.end(), [](char c) { return c > ' ' && c < '\x7F' && c != '?' && c != '#'; });
}

}  // namespace

tl::expected<std::string, std::string> read_small_file(const std::string& file) {
  std::ifstream stream(file, std::ios::binary);
  if (!stream) return Unexpected(file + ": " + std::strerror(errno));
  std::string text(kMaxFileBytes + 1, '\0');
  stream.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (stream.bad() || (stream.fail() && !stream.eof())) return Unexpected(file + ": cannot be read");
  text.resize(static_cast<std::size_t>(stream.gcount()));
  if (text.size() > kMaxFileBytes)
    return Unexpected(file + ": larger than " + std::to_string(kMaxFileBytes) + " bytes");
  return text;
}

tl::expected<ClusterAccess, std::string> parse_server_url(std::string_view url) {
  constexpr std::string_view kScheme = "https://";
  const auto refuse = [url](std::string_view rule) {
    return Unexpected('"' + std::string(url.substr(0, 256)) + "\" " + std::string(rule));
  };
  if (url.substr(0, kScheme.size()) != kScheme) return refuse("must begin with https://");
  std::string_view rest = url.substr(kScheme.size());

  ClusterAccess access;
  access.port = kHttpsPort;
  const std::size_t slash = std::min(rest.find('/'), rest.size());
  std::string_view path = rest.substr(slash);
  while (!path.empty() && path.back() == '/') path.remove_suffix(1);
  if (!is_path(path)) return refuse("must not have a query or a fragment");
  access.path_prefix = path;
  rest = rest.substr(0, slash);

  std::string_view host = rest;
  std::string_view port;
  if (!rest.empty() && rest.front() == '[') {
    const std::size_t bracket = rest.find(']');
    if (bracket == std::string_view::npos) return refuse("has an unclosed bracket");
    host = rest.substr(1, bracket - 1);
    port = rest.substr(bracket + 1);
  } else if (const std::size_t colon = rest.find(':'); colon != std::string_view::npos) {
    host = rest.substr(0, colon);
    port = rest.substr(colon);
  }
  if (!is_host(host)) return refuse("must name a host");
  access.host = host;
  if (!port.empty()) {
    const char* const end = port.data() + port.size();
    const auto [stop, failure] = std::from_chars(port.data() + 1, end, access.port);
    if (port.front() != ':' || failure != std::errc() || stop != end || access.port < 1 || access.port > kMaxPort) {
      return refuse("must have a port from 1 to 65535");
    }
  }
  return access;
}

tl::expected<ClusterAccess, std::string> load_kubeconfig(const std::string& file) {
  auto text = read_small_file(file);
  if (!text) return Unexpected(text.error());
  try {
    return read_kubeconfig(*text, std::filesystem::path(file).parent_path());
  } catch (const YamlProblem& problem) {
    return Unexpected(place(file, problem.mark) + problem.message);
  } catch (const YAML::DeepRecursion& exception) {
    return Unexpected(place(file, exception.mark) + "nested too deeply");
  } catch (const YAML::Exception& exception) {
    return Unexpected(place(file, exception.mark) + exception.msg);
  }
}

tl::expected<ClusterAccess, std::string> in_cluster_access(const InClusterEnvironment& environment) {
  if (environment.host.empty() || environment.port.empty()) {
    return Unexpected(
        "not in a cluster: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set, and no kubeconfig is "
        "given");
  }
  const bool is_ipv6 = environment.host.find(':') != std::string::npos;
  const std::string host = is_ipv6 ? '[' + environment.host + ']' : environment.host;
  auto access = parse_server_url("https://" + host + ':' + environment.port);
  if (!access) return Unexpected("KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT: " + access.error());

  auto ca = read_small_file(environment.service_account_folder + "/ca.crt");
  if (!ca) return Unexpected(ca.error());
  access->ca_pem = std::move(*ca);
  access->token_file = environment.service_account_folder + "/token";
  if (auto token = read_small_file(access->token_file); !token) return Unexpected(token.error());
  return access;
}

}  // namespace signet
