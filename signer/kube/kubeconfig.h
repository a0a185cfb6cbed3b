#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

namespace signet {

// The largest kubeconfig, certificate bundle or token file we read; etcd's limit for what a cluster could hand out is
// about the same.
inline constexpr std::size_t kMaxAccessFileBytes = std::size_t{1} << 20U;

// How to reach an API server and who we are there. Always TLS, always with the CA that its certificate must lead to.
struct ClusterAccess {
  // A host name or an IP address, IPv6 without brackets.
  std::string host;
  int port = 443;
  // What stands before `/apis` in every path: empty, or beginning with a slash and not ending in one.
  std::string path_prefix;
  std::string ca_pem;
  // Both or neither.
  std::string client_certificate_pem;
  std::string client_key_pem;
  // Where these were read, and are read anew when they change; empty where they came with the kubeconfig itself.
  std::string ca_file;
  std::string client_certificate_file;
  std::string client_key_file;
  // A bearer token, or the file that holds one and is read anew as it rotates (the file goes first where both are set).
  std::string token;
  std::string token_file;
};

// The access of a kubeconfig's current context. Relative paths in it are relative to its folder. What we would have to
// weaken or to run something for is refused, not ignored: insecure-skip-tls-verify, http://, no CA, exec and
// auth-provider plugins, passwords, impersonation, proxies, another TLS server name. Errors read `file:line:column:
// message`, or `file: message`.
[[nodiscard]] tl::expected<ClusterAccess, std::string> load_kubeconfig(const std::string& file);

// Where a pod finds its service account
// (https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/#directly-accessing-the-rest-api).
struct InClusterEnvironment {
  // KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT, empty when not set.
  std::string host;
  std::string port;
  std::string service_account_folder = "/var/run/secrets/kubernetes.io/serviceaccount";
};

// The access of the pod we run in: the folder's `ca.crt` and `token`.
[[nodiscard]] tl::expected<ClusterAccess, std::string> in_cluster_access(const InClusterEnvironment& environment);

// Reads host, port and path_prefix of `https://host[:port][/path]`; the rest stays empty.
[[nodiscard]] tl::expected<ClusterAccess, std::string> parse_server_url(std::string_view url);

}  // namespace signet
