#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "signer/trust/certificate.h"

namespace signet {

/// The API server takes objects of 1 MiB or so, and kubectl prints what it was applied with, too.
inline constexpr std::size_t kMaxMeshConfigBytes = std::size_t{4} << 20;

/// Which roots a mesh's MeshConfig gives its signers in caCertificates.
class MeshRoots {
 public:
  /// `text` is YAML: a MeshConfig, or the ConfigMap with it in data.mesh, as `kubectl get configmap istio -o yaml`
  /// prints it. An error reads `file:line:column: message`, for YAML that is none or an entry that cannot be read. A
  /// signer in two entries is one: istiod takes either.
  [[nodiscard]] static tl::expected<MeshRoots, std::vector<std::string>> parse(std::string_view text,
                                                                               const std::string& file);

  /// Whether workloads that are told of it trust what leads to `root`: it, or another certificate of the same anchor,
  /// is given for the signer of this whole name.
  [[nodiscard]] bool carry(const std::string& signer_name, const Certificate& root) const;

 private:
  std::map<std::string, std::vector<Certificate>, std::less<>> roots_;  // by whole signerName
};

}  // namespace signet
