#pragma once

#include <string>
#include <tl/expected.hpp>

#include "signer/kube/kubeconfig.h"

namespace signet {

/// The access that `kubeconfig` describes; that of the pod we run in where it is empty.
[[nodiscard]] tl::expected<ClusterAccess, std::string> cluster_access(const std::string& kubeconfig);

}  // namespace signet
