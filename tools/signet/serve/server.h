#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "policy/policy.h"
#include "signer/kube/kubeconfig.h"
#include "tools/signet/serving/serving_reload.h"
#include "webhook/https_front.h"

namespace signet {

struct ServerRole {
  bool webhook = true;
  bool signer = true;
};

/// The Lease that several replicas choose the one that signs by.
struct LeaseName {
  std::string name_space;
  std::string name;
};

struct ServerConfig {
  ServerRole role;
  std::string policy_file;
  std::shared_ptr<const Policy> policy;  ///< what the file held
  ClusterAccess access;
  std::string listen;                          ///< "ADDRESS:PORT"
  TlsIdentity tls;                             ///< empty: nothing is served; only without the webhook's role
  ServingFiles tls_files;                      ///< what held it
  std::optional<ServingPlace> serving_place;   ///< in place of both files: where it is kept
  std::string ca_dir;                          ///< either this
  std::string ca_namespace;                    ///< or this
  std::string audit_log;                       ///< path, or "-"
  std::string review_log;                      ///< path, or "-"
  std::string metrics_listen;                  ///< "ADDRESS:PORT"; empty: no metrics are served
  std::optional<LeaseName> lease;              ///< absent: nobody else signs
  std::chrono::milliseconds shutdown_delay{};  ///< from the signal on, reviews are answered for so long as before
};

/// Serves until SIGTERM or SIGINT, then ends signing at once and, after the delay, drains: exit code 0. During the
/// delay /readyz says no, so that nobody new comes, and who comes is served; another signal ends it. What cannot work
/// as configured (a file, a CA, a permission) ends it with exit code 2 after every problem was told; an API server that
/// cannot be reached is waited for. From when everything is there, another policy in the file comes into force, if it
/// can, and other certificates of a CA's key; another key does when it is activated (ca_choice.h). Another serving
/// identity in its files is shown from when it serves. SIGHUP has all of it read at once.
[[nodiscard]] int run_server(ServerConfig config);

}  // namespace signet
