#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "signer/issue/certificate_authority.h"
#include "signer/kube/kube_api.h"
#include "signer/trust/trust_store.h"

namespace signet {

/// Why there is no CA for each signer: everything that was found.
struct CaProblems {
  std::vector<std::string> problems;
  bool transient = false;  ///< the API server could not be asked: later it may be
};

/// The CA of each signer, no two with a key or a root in common. Immutable and safe to share between threads.
class CaStore {
 public:
  /// Reads DIR/<signer>/tls.crt, tls.key and, where there is one, ca.crt, for each of `signers`.
  [[nodiscard]] static tl::expected<CaStore, CaProblems> load_from_directory(const std::string& directory,
                                                                             const std::vector<std::string>& signers,
                                                                             std::chrono::sys_seconds now);

  /// Reads a Secret of type kubernetes.io/tls for each signer; `secret_names` goes from signers to Secrets. Fails
  /// before the next one when it is told to stop.
  [[nodiscard]] static tl::expected<CaStore, CaProblems> load_from_secrets(
      KubeApi& api, const std::string& name_space, const std::map<std::string, std::string>& secret_names,
      std::chrono::sys_seconds now, const std::stop_token& stop = {});

  /// Nothing for a signer that is not ours.
  [[nodiscard]] std::shared_ptr<const CertificateAuthority> find(std::string_view signer) const;

  /// The public part.
  [[nodiscard]] const std::shared_ptr<const TrustStore>& trust() const { return trust_; }

 private:
  using Keys = std::map<std::string, CaKey, std::less<>>;

  CaStore() = default;
  /// Puts chains and keys together; adds to `found` what does not fit.
  [[nodiscard]] static tl::expected<CaStore, CaProblems> assemble(TrustStore trust, Keys keys, CaProblems found,
                                                                  std::chrono::sys_seconds now);

  std::shared_ptr<const TrustStore> trust_;
  std::map<std::string, std::shared_ptr<const CertificateAuthority>, std::less<>> authorities_;
};

}  // namespace signet
