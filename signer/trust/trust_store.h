#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>
#include <vector>

#include "signer/trust/issuer_chain.h"

namespace signet {

/// The issuer's chain of a folder with tls.crt and, where there is one, ca.crt. The error names the file.
[[nodiscard]] tl::expected<IssuerChain, std::string> load_issuer_chain(const std::filesystem::path& folder);

/// The issuer chain of each signer, by the signer's name without its domain. Immutable; safe to share between threads.
class TrustStore {
 public:
  using Chains = std::map<std::string, std::shared_ptr<const IssuerChain>, std::less<>>;  ///< none is null

  explicit TrustStore(Chains chains) : chains_(std::move(chains)) {}

  /// Reads `directory`/<signer>/tls.crt and, where there is one, ca.crt for each of `signers`. Fails with every problem
  /// of every signer, each naming the file.
  [[nodiscard]] static tl::expected<TrustStore, std::vector<std::string>> load_from_directory(
      const std::filesystem::path& directory, const std::vector<std::string>& signers);

  /// Null where there is none. Lives as long as this object.
  [[nodiscard]] const IssuerChain* find(std::string_view signer) const;
  [[nodiscard]] const Chains& chains() const { return chains_; }

  /// One line for each signer, and each one before it, whose chains have a key in common, issuer's, root's or any
  /// between: what one tenant is given then verifies with the other. Of many with the same key each is told beside the
  /// first. Empty is good.
  [[nodiscard]] std::vector<std::string> isolation_problems() const;

 private:
  Chains chains_;
};

}  // namespace signet
