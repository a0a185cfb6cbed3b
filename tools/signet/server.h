#pragma once

#include <memory>
#include <string>

#include "policy/policy.h"
#include "signer/kube/kubeconfig.h"
#include "webhook/https_front.h"

namespace signet {

struct ServerRole {
  bool webhook = true;
  bool signer = true;
};

struct ServerConfig {
  ServerRole role;
  std::string policy_file;
  std::shared_ptr<const Policy> policy;  ///< what the file held
  ClusterAccess access;
  std::string listen;          ///< "ADDRESS:PORT"
  TlsIdentity tls;             ///< empty: nothing is served; only without the webhook's role
  std::string ca_dir;          ///< either this
  std::string ca_namespace;    ///< or this
  std::string audit_log;       ///< path, or "-"
  std::string review_log;      ///< path, or "-"
  std::string metrics_listen;  ///< "ADDRESS:PORT"; empty: no metrics are served
};

/// Serves until SIGTERM or SIGINT and then drains: exit code 0. What cannot work as configured (a file, a CA, a
/// permission) ends it with exit code 2 after every problem was told; an API server that cannot be reached is waited
/// for. From when everything is there, another policy in the file comes into force, if it can, and other certificates
/// of a CA's key; another key does when it is activated (ca_choice.h). SIGHUP has all of it read at once.
[[nodiscard]] int run_server(ServerConfig config);

}  // namespace signet
