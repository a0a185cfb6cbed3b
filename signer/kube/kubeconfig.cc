#include "signer/kube/kubeconfig.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <initializer_list>
#include <utility>

#include "policy/quoting.h"
#include "policy/yaml_document.h"
#include "signer/kube/base64.h"
#include "signer/kube/bounded_file.h"

namespace signet {
namespace {

constexpr int kHttpsPort = 443;
constexpr int kMaxPort = 65535;

using Unexpected = tl::unexpected<std::string>;

// A place in the file and what is wrong there; `node` is null where the whole file is meant. Thrown and caught in this
// file only.
struct Refusal {
  const YamlNode* node;
  std::string message;
};

// The value of `key`; null when it is absent, or a null in the file.
const YamlNode* child(const YamlNode& map, std::string_view key) {
  const YamlNode* const node = map.find(key);
  return node == nullptr || node->kind == YamlNode::Kind::kNull ? nullptr : node;
}

// The string under `key`; empty when there is none.
std::string text_of(const YamlNode& map, const std::string& key) {
  const YamlNode* const node = child(map, key);
  if (node == nullptr) return {};
  if (node->kind != YamlNode::Kind::kScalar) throw Refusal{node, key + " must be a string"};
  if (node->ambiguous) {
    // Without the value: it may be a token.
    throw Refusal{node, key + " must be a string; without quotes it is something else to YAML readers: quote it"};
  }
  return node->scalar;
}

// `contexts`, `clusters` and `users` are lists of {name: ..., <kind>: {...}}.
const YamlNode& named_entry(const YamlNode& root, const std::string& list_key, const std::string& kind,
                            const std::string& name, const YamlNode& asked_at) {
  if (const YamlNode* const list = child(root, list_key)) {
    if (list->kind != YamlNode::Kind::kSequence) throw Refusal{list, list_key + " must be a list"};
    for (const YamlNode& entry : list->items) {
      if (entry.kind != YamlNode::Kind::kMap) throw Refusal{&entry, "an entry of " + list_key + " must be a map"};
      if (text_of(entry, "name") != name) continue;
      const YamlNode* const value = child(entry, kind);
      if (value == nullptr || value->kind != YamlNode::Kind::kMap) {
        throw Refusal{&entry, kind + " of " + in_quotes(name) + " must be a map"};
      }
      return *value;
    }
  }
  throw Refusal{&asked_at, "no " + kind + " is named " + in_quotes(name)};
}

void refuse_keys(const YamlNode& map, std::initializer_list<std::pair<const char*, const char*>> refused) {
  for (const auto& [key, why] : refused) {
    const YamlNode* const node = child(map, key);
    if (node != nullptr) throw Refusal{node, std::string(key) + " is not supported: " + why};
  }
}

// `<key>-data` in base64, else the file that `<key>` names, whose path then goes to `path`; empty when neither is set.
std::string data_or_file(const YamlNode& map, const std::string& key, const std::filesystem::path& folder,
                         std::string& path) {
  const std::string data = text_of(map, key + "-data");
  if (!data.empty()) {
    auto bytes = base64_decode(data);
    if (!bytes) throw Refusal{child(map, key + "-data"), key + "-data: " + bytes.error()};
    return *bytes;
  }
  const std::string file = text_of(map, key);
  if (file.empty()) return {};
  path = (folder / file).string();
  auto bytes = read_bounded_file(path, kMaxAccessFileBytes);
  if (!bytes) throw Refusal{child(map, key), key + ": " + bytes.error()};
  if (bytes->empty()) throw Refusal{child(map, key), key + ": " + path + ": the file is empty"};
  return *bytes;
}

void read_cluster(const YamlNode& cluster, const std::filesystem::path& folder, ClusterAccess& access) {
  refuse_keys(cluster, {{"proxy-url", "the API server is reached directly"},
                        {"tls-server-name", "the certificate must be for the host of the server URL"}});
  const YamlNode* const insecure = child(cluster, "insecure-skip-tls-verify");
  if (insecure != nullptr && (insecure->kind != YamlNode::Kind::kScalar || insecure->scalar != "false")) {
    throw Refusal{insecure,
                  "insecure-skip-tls-verify is not supported: the API server's certificate is always verified"};
  }
  auto server = parse_server_url(text_of(cluster, "server"));
  if (!server) {
    const YamlNode* const node = child(cluster, "server");
    throw Refusal{node == nullptr ? &cluster : node, "server: " + server.error()};
  }
  access = std::move(*server);
  access.ca_pem = data_or_file(cluster, "certificate-authority", folder, access.ca_file);
  if (access.ca_pem.empty()) {
    throw Refusal{&cluster, "certificate-authority or certificate-authority-data must be set"};
  }
}

void read_user(const YamlNode& user, const std::filesystem::path& folder, ClusterAccess& access) {
  refuse_keys(user, {{"exec", "Signet runs no credential plugins"},
                     {"auth-provider", "Signet runs no credential plugins"},
                     {"username", "use a client certificate or a token"},
                     {"password", "use a client certificate or a token"},
                     {"as", "Signet impersonates nobody"},
                     {"as-uid", "Signet impersonates nobody"},
                     {"as-groups", "Signet impersonates nobody"},
                     {"as-user-extra", "Signet impersonates nobody"}});
  access.client_certificate_pem = data_or_file(user, "client-certificate", folder, access.client_certificate_file);
  access.client_key_pem = data_or_file(user, "client-key", folder, access.client_key_file);
  access.token = text_of(user, "token");
  const std::string token_file = text_of(user, "tokenFile");
  if (!token_file.empty()) access.token_file = (folder / token_file).string();
  if (access.client_certificate_pem.empty() != access.client_key_pem.empty()) {
    throw Refusal{&user, "client-certificate and client-key go together"};
  }
  if (access.client_key_pem.empty() && access.token.empty() && access.token_file.empty()) {
    throw Refusal{&user, "the user has neither a client certificate nor a token"};
  }
}

ClusterAccess read_kubeconfig(const YamlNode& root, const std::filesystem::path& folder) {
  if (root.kind == YamlNode::Kind::kNull) throw Refusal{nullptr, "a kubeconfig must be a map"};
  if (root.kind != YamlNode::Kind::kMap) throw Refusal{&root, "a kubeconfig must be a map"};
  const std::string current = text_of(root, "current-context");
  if (current.empty()) throw Refusal{&root, "current-context must be set"};
  const YamlNode& context = named_entry(root, "contexts", "context", current, *child(root, "current-context"));

  ClusterAccess access;
  read_cluster(named_entry(root, "clusters", "cluster", text_of(context, "cluster"), context), folder, access);
  read_user(named_entry(root, "users", "user", text_of(context, "user"), context), folder, access);
  return access;
}

std::string place(const std::string& file, const YamlMark& mark) {
  if (mark.line == 0) return file + ": ";
  return file + ':' + std::to_string(mark.line) + ':' + std::to_string(mark.column) + ": ";
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

tl::expected<ClusterAccess, std::string> parse_server_url(std::string_view url) {
  constexpr std::string_view kScheme = "https://";
  if (url.find('@') != std::string_view::npos) return Unexpected("must not have a user or a password");
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
  const auto text = read_bounded_file(file, kMaxAccessFileBytes);
  if (!text) return Unexpected(text.error());
  const auto root = parse_yaml(*text, {.max_bytes = kMaxAccessFileBytes});
  if (!root) {
    const YamlProblem& first = root.error().front();
    return Unexpected(place(file, first.mark) + first.message);
  }
  try {
    return read_kubeconfig(*root, std::filesystem::path(file).parent_path());
  } catch (const Refusal& refusal) {
    return Unexpected(place(file, refusal.node == nullptr ? YamlMark{} : refusal.node->mark) + refusal.message);
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

  access->ca_file = environment.service_account_folder + "/ca.crt";
  auto ca = read_bounded_file(access->ca_file, kMaxAccessFileBytes);
  if (!ca) return Unexpected(ca.error());
  access->ca_pem = std::move(*ca);
  access->token_file = environment.service_account_folder + "/token";
  if (auto token = read_bounded_file(access->token_file, kMaxAccessFileBytes); !token) return Unexpected(token.error());
  return access;
}

}  // namespace signet
