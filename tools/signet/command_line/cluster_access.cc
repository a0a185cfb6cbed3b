#include "tools/signet/command_line/cluster_access.h"

#include <cstdlib>

namespace signet {
namespace {

std::string environment(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace

tl::expected<ClusterAccess, std::string> cluster_access(const std::string& kubeconfig) {
  if (!kubeconfig.empty()) {
    return load_kubeconfig(kubeconfig);
  }
  InClusterEnvironment pod;
  pod.host = environment("KUBERNETES_SERVICE_HOST");
  pod.port = environment("KUBERNETES_SERVICE_PORT");
  return in_cluster_access(pod).map_error(
      [](const std::string& error) { return "no --kubeconfig, and not in a pod: " + error; });
}

}  // namespace signet
