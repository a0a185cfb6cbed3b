#include "signer/trust/trust_store.h"

#include <cstddef>
#include <set>
#include <system_error>

#include "signer/kube/bounded_file.h"

namespace signet {
namespace {

// More than any chain that IssuerChain::parse would read.
constexpr std::size_t kMaxFileBytes = std::size_t{128} << 10;

}  // namespace

tl::expected<IssuerChain, std::string> load_issuer_chain(const std::filesystem::path& folder) {
  const auto tls_crt = read_bounded_file((folder / "tls.crt").string(), kMaxFileBytes);
  if (!tls_crt) {
    return tl::unexpected(tls_crt.error());
  }
  std::string roots;
  std::error_code error;
  if (std::filesystem::exists(folder / "ca.crt", error) || error) {
    auto ca_crt = read_bounded_file((folder / "ca.crt").string(), kMaxFileBytes);
    if (!ca_crt) {
      return tl::unexpected(std::move(ca_crt.error()));
    }
    roots = std::move(*ca_crt);
  }
  auto chain = IssuerChain::parse(*tls_crt, roots);
  if (!chain) {
    return tl::unexpected(folder.string() + ": " + chain.error());
  }
  return chain;
}

tl::expected<TrustStore, std::vector<std::string>> TrustStore::load_from_directory(
    const std::filesystem::path& directory, const std::vector<std::string>& signers) {
  Chains chains;
  std::vector<std::string> problems;
  for (const std::string& signer : signers) {
    auto chain = load_issuer_chain(directory / signer);
    if (chain) {
      chains.emplace(signer, std::make_shared<const IssuerChain>(*std::move(chain)));
    } else {
      problems.push_back("signer \"" + signer + "\": " + chain.error());
    }
  }
  if (!problems.empty()) {
    return tl::unexpected(std::move(problems));
  }
  return TrustStore(std::move(chains));
}

const IssuerChain* TrustStore::find(std::string_view signer) const {
  const auto found = chains_.find(signer);
  return found == chains_.end() ? nullptr : found->second.get();
}

std::vector<std::string> TrustStore::isolation_problems() const {
  std::vector<std::string> problems;
  std::map<std::string, Chains::const_iterator> first_with;  // by the SPKI of a key on the way to the root
  for (auto chain = chains_.begin(); chain != chains_.end(); ++chain) {
    std::set<std::string_view> told;
    for (const Certificate& certificate : chain->second->path()) {
      const auto& [signer, first] = *first_with.try_emplace(spki_of(certificate), chain).first->second;
      if (signer == chain->first || !told.insert(signer).second) {
        continue;
      }
      const bool same_issuer = first->issuer_spki_sha256() == chain->second->issuer_spki_sha256();
      const bool same_root = first->root_spki_sha256() == chain->second->root_spki_sha256();
      problems.push_back("signers \"" + signer + "\" and \"" + chain->first + "\" have the same " +
                         (same_issuer ? "issuer"
                          : same_root ? "root"
                                      : "CA") +
                         " key: a certificate of one would be trusted as the other's");
    }
  }
  return problems;
}

}  // namespace signet
