#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <tl/expected.hpp>
#include <utility>
#include <vector>

#include "signer/kube/api_connection.h"
#include "signer/kube/file_stamp.h"
#include "signer/kube/kubeconfig.h"

namespace signet {

// The ClientIdentity of a ClusterAccess, of what is in its files now: the kubelet replaces the service account's CA
// when the API server's is rotated. May be used from several threads.
class IdentitySource {
 public:
  struct Current {
    std::shared_ptr<const ClientIdentity> identity;
    // Why the files, which are others than those of the identity, are not taken; empty when they are.
    std::string problem;
  };

  // Reads the PEM in `access`; the error names which of it is bad.
  [[nodiscard]] static tl::expected<std::unique_ptr<IdentitySource>, std::string> create(ClusterAccess access);

  IdentitySource(ClusterAccess access, std::shared_ptr<const ClientIdentity> identity)
      : access_(std::move(access)), identity_(std::move(identity)) {}

  // What to connect with. Files that have changed are read; as long as they cannot be used, what was read last stays.
  [[nodiscard]] Current current();

 private:
  [[nodiscard]] std::vector<FileStamp> look() const;
  // Replaces identity_.
  [[nodiscard]] tl::expected<void, std::string> read();

  std::mutex mutex_;
  ClusterAccess access_;  // guarded by mutex_, as all below
  std::shared_ptr<const ClientIdentity> identity_;
  std::vector<FileStamp> taken_;  // of the files that identity_ is of
};

}  // namespace signet
