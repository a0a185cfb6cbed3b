#pragma once

#include <memory>
#include <optional>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "signer/issue/certificate_authority.h"
#include "signer/kube/kube_api.h"
#include "signer/trust/issuer_chain.h"

namespace signet {

/// Where the CAs of a policy's signers are. Of each signer there is its source, which whoever renews CAs writes, and
/// maybe a record beside it of the CA in use, which `signet ca activate` alone writes: `in-use` in the signer's folder,
/// or a Secret whose name ends so.
struct CaSource {
  bool with_keys = true;   ///< else the public certificates are all that is looked at
  std::string directory;   ///< either this: <signer>/tls.crt, tls.key and, where there is one, ca.crt
  std::string name_space;  ///< or this: Secrets of type kubernetes.io/tls
};

/// Why there is no CA: everything that was found, each with the signer's name.
struct CaProblems {
  std::vector<std::string> problems;
  bool transient = false;  ///< the API server could not be asked: later it may be
};

/// A signer's CA.
struct Ca {
  std::shared_ptr<const IssuerChain> chain;
  std::shared_ptr<const CertificateAuthority> authority;  ///< null where no keys are read
};

/// What is there of a signer's CA. What is no CA, or whose key is another's, is the reason why not; whether it is valid
/// now is another question.
struct CaFindings {
  tl::expected<Ca, CaProblems> source;
  std::optional<tl::expected<Ca, CaProblems>> in_use;  ///< nothing: there is no such record
};

/// "in-use": the folder in a signer's folder.
[[nodiscard]] std::string in_use_folder(const std::string& signer_folder);
/// "foo-ca-in-use" of "foo-ca".
[[nodiscard]] std::string in_use_secret(const std::string& secret_name);

/// What the files or Secrets say is the CA of `signer`.
[[nodiscard]] tl::expected<Ca, CaProblems> ca_of(const std::string& signer, const std::string& where,
                                                 const TlsSecret& content, bool with_key);

/// Reads source and record. `secret_name` is the source's, and used with Secrets alone, as is `api`.
[[nodiscard]] CaFindings read_ca(const CaSource& source, KubeApi* api, const std::string& signer,
                                 const std::string& secret_name);

}  // namespace signet
