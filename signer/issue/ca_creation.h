#pragma once

#include <chrono>
#include <map>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "signer/issue/self_signed_ca.h"
#include "signer/kube/kube_api.h"

namespace signet {

/// Why not every signer was given a CA.
struct CaCreationFailure {
  std::vector<std::string> problems;  ///< one for each signer or file they are about
  /// They are all that a CA, or a part of one, is there already; nothing was changed.
  bool only_existing = false;
};

/// Makes a CA for each of `signers`, named after it, as DIR/<signer>/tls.crt, tls.key and ca.crt, where
/// read_ca() finds it. Nothing is ever replaced: all signers are looked at first, and where a folder
/// for one of them exists, whatever is in it, none is made. Folders are for their owner alone, DIR too if it was not
/// there (its parent must be); so are keys. What is made is durable at the end; if not all can be, it is removed.
[[nodiscard]] tl::expected<void, CaCreationFailure> create_cas_in_directory(const std::string& directory,
                                                                            const std::vector<std::string>& signers,
                                                                            const CaProfile& profile,
                                                                            std::chrono::sys_seconds now);

/// The same as Secrets of type kubernetes.io/tls, which `secret_names` names for each signer: where
/// read_ca() and cert-manager's CA issuers find them. Each is tried as a dry run first, and if the API
/// server would refuse one, none is made. It may yet refuse one later: those made before stay, and the problems say so,
/// for what may create Secrets need not be able to delete them.
[[nodiscard]] tl::expected<void, CaCreationFailure> create_cas_in_secrets(
    KubeApi& api, const std::string& name_space, const std::map<std::string, std::string>& secret_names,
    const CaProfile& profile, std::chrono::sys_seconds now);

}  // namespace signet
