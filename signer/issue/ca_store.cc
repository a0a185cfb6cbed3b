#include "signer/issue/ca_store.h"

#include <filesystem>
#include <utility>

namespace signet {
namespace {

std::string about(const std::string& signer) { return "signer \"" + signer + "\": "; }

}  // namespace

tl::expected<CaStore, CaProblems> CaStore::load_from_directory(const std::string& directory,
                                                               const std::vector<std::string>& signers,
                                                               std::chrono::sys_seconds now) {
  CaProblems found;
  Keys keys;
  for (const std::string& signer : signers) {
    auto key = CaKey::load((std::filesystem::path(directory) / signer / "tls.key").string());
    if (key) {
      keys.emplace(signer, std::move(*key));
    } else {
      found.problems.push_back(about(signer) + key.error());
    }
  }
  auto trust = TrustStore::load_from_directory(directory, signers);
  if (!trust) {
    found.problems.insert(found.problems.begin(), trust.error().begin(), trust.error().end());
    return tl::unexpected(std::move(found));
  }
  return assemble(std::move(*trust), std::move(keys), std::move(found), now);
}

tl::expected<CaStore, CaProblems> CaStore::load_from_secrets(KubeApi& api, const std::string& name_space,
                                                             const std::map<std::string, std::string>& secret_names,
                                                             std::chrono::sys_seconds now,
                                                             const std::stop_token& stop) {
  CaProblems found;
  Keys keys;
  TrustStore::Chains chains;
  for (const auto& [signer, secret_name] : secret_names) {
    const std::string where = about(signer) + "Secret " + name_space + "/" + secret_name + ": ";
    if (stop.stop_requested()) {
      found.transient = true;
      found.problems.push_back(where + "not read: stopping");
      break;
    }
    auto secret = api.get_tls_secret(name_space, secret_name);
    if (!secret) {
      found.transient = found.transient || secret.error().is_transient();
      found.problems.push_back(where + secret.error().message);
      continue;
    }
    auto key = CaKey::parse(secret->tls_key);
    if (key) {
      keys.emplace(signer, std::move(*key));
    } else {
      found.problems.push_back(where + "tls.key: " + key.error());
    }
    auto chain = IssuerChain::parse(secret->tls_crt, secret->ca_crt);
    if (chain) {
      chains.emplace(signer, std::move(*chain));
    } else {
      found.problems.push_back(where + chain.error());
    }
  }
  return assemble(TrustStore(std::move(chains)), std::move(keys), std::move(found), now);
}

tl::expected<CaStore, CaProblems> CaStore::assemble(TrustStore trust, Keys keys, CaProblems found,
                                                    std::chrono::sys_seconds now) {
  CaStore store;
  store.trust_ = std::make_shared<const TrustStore>(std::move(trust));
  for (const auto& [signer, chain] : store.trust_->chains()) {
    if (auto valid = chain.check_validity(now); !valid) found.problems.push_back(about(signer) + valid.error());
    const auto key = keys.find(signer);
    if (key == keys.end()) continue;
    auto authority = CertificateAuthority::create(signer, std::shared_ptr<const IssuerChain>(store.trust_, &chain),
                                                  std::move(key->second));
    if (authority) {
      store.authorities_.emplace(signer, std::make_shared<const CertificateAuthority>(std::move(*authority)));
    } else {
      found.problems.push_back(authority.error());
    }
  }
  for (std::string& problem : store.trust_->isolation_problems()) found.problems.push_back(std::move(problem));
  if (!found.problems.empty()) return tl::unexpected(std::move(found));
  return store;
}

std::shared_ptr<const CertificateAuthority> CaStore::find(std::string_view signer) const {
  const auto found = authorities_.find(signer);
  return found == authorities_.end() ? nullptr : found->second;
}

}  // namespace signet
