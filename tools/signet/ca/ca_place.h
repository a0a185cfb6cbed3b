#pragma once

#include <boost/program_options/options_description.hpp>
#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "policy/policy.h"
#include "signer/issue/ca_states.h"
#include "signer/kube/kube_api.h"
#include "tools/signet/command_line/command_line.h"
#include "tools/signet/inputs/mesh_roots.h"

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
  [[nodiscard]] std::string record_location(const std::string& signer) const;

  [[nodiscard]] CaSource source(bool with_keys) const;
  /// Of the signers meant.
  [[nodiscard]] std::map<std::string, std::string> secret_names() const;
  /// How it stands with the CAs at `now`, by their public certificates, for which no key is needed; an error is the
  /// exit code, after everything was told. Signers that share a key or a root are an error: nothing would keep their
  /// tenants apart.
  [[nodiscard]] tl::expected<CaStates, int> states(std::chrono::sys_seconds now) const;
};

/// --policy, --ca-dir, --ca-namespace, --kubeconfig. Where a command adds --signer, it says which CAs are meant; all if
/// it is not given.
[[nodiscard]] boost::program_options::options_description ca_place_options();

/// These and --signer.
[[nodiscard]] boost::program_options::options_description ca_place_options_for_signers();

/// --mesh-config.
void add_mesh_config_option(boost::program_options::options_description& options);
/// What it names, standard input for "-"; nothing where it is not given. An error is the exit code, after everything
/// was told.
[[nodiscard]] tl::expected<std::optional<MeshRoots>, int> mesh_roots_of(const CommandLine& line);

[[nodiscard]] std::chrono::sys_seconds now_in_seconds();

/// Tells every problem on stderr and returns `exit_code`.
[[nodiscard]] int complain_of_all(const std::vector<std::string>& problems, int exit_code);

}  // namespace signet
