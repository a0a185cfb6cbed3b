#pragma once

#include <boost/program_options/options_description.hpp>
#include <memory>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "policy/policy.h"
#include "signer/kube/kube_api.h"
#include "signer/trust/trust_store.h"
#include "tools/signet/command_line.h"

namespace signet {

/// Which CAs a command is about, and where they are: in `directory`, or in `name_space` behind `api`.
struct CaPlace {
  std::shared_ptr<const Policy> policy;
  std::vector<std::string> signers;  ///< sorted
  std::string directory;
  std::string name_space;
  std::unique_ptr<KubeApi> api;

  /// From the options below. An error is the exit code, after everything was told.
  [[nodiscard]] static tl::expected<CaPlace, int> of(const CommandLine& line);

  /// For people.
  [[nodiscard]] std::string location(const std::string& signer) const;
  /// The public certificates, for which no key is needed; an error is the exit code, after everything was told. Signers
  /// that share a key or a root are an error: nothing would keep their tenants apart.
  [[nodiscard]] tl::expected<TrustStore, int> trust() const;
};

/// --policy, --ca-dir, --ca-namespace, --kubeconfig. Where a command adds --signer, it says which CAs are meant; all if
/// it is not given.
[[nodiscard]] boost::program_options::options_description ca_place_options();

/// Tells every problem on stderr and returns `exit_code`.
[[nodiscard]] int complain_of_all(const std::vector<std::string>& problems, int exit_code);

}  // namespace signet
