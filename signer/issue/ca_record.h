#pragma once

#include <string>
#include <tl/expected.hpp>

#include "signer/kube/kube_api.h"

namespace signet {

/// The bytes of a CA's files in a folder; no ca_crt where there is no such file. The error names the file.
[[nodiscard]] tl::expected<TlsSecret, std::string> read_ca_files(const std::string& folder);

/// Makes `ca` the CA in use of the signer whose folder this is. The record is `in-use` there, a symbolic link to a
/// folder beside it: who reads it finds the old CA or the new one, whole, also after a power failure. It belongs to
/// whom the folder's tls.key belongs to, if root writes it. The folder of the old one is removed.
[[nodiscard]] tl::expected<void, std::string> keep_in_folder(const std::string& signer_folder, const TlsSecret& ca);

/// Makes `ca` the CA in use of the signer whose CA comes from this Secret: the one named by in_use_secret() is created,
/// or replaced if it still is what `record` was when it was read. kConflict: it is another by now, or there is one.
[[nodiscard]] KubeResult<void> keep_in_secret(KubeApi& api, const std::string& name_space,
                                              const std::string& secret_name, TlsSecret ca, const TlsSecret* record);

}  // namespace signet
