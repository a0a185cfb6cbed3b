#include "signer/issue/ca_source.h"

#include <filesystem>
#include <system_error>
#include <utility>

#include "signer/trust/trust_store.h"

namespace signet {
namespace {

namespace fs = std::filesystem;

using FoundCa = tl::expected<Ca, CaProblems>;

constexpr std::string_view kInUse = "in-use";

std::string about(const std::string& signer) { return "signer \"" + signer + "\": "; }

// Chain and key put together, or everything that is wrong with either. `key` is not looked at where none is wanted.
FoundCa together(const std::string& signer, tl::expected<IssuerChain, std::string> chain,
                 tl::expected<CaKey, std::string>* key) {
  CaProblems found;
  if (!chain) found.problems.push_back(about(signer) + chain.error());
  if (key != nullptr && !*key) found.problems.push_back(about(signer) + key->error());
  if (!found.problems.empty()) return tl::unexpected(std::move(found));
  Ca ca{.chain = std::make_shared<const IssuerChain>(*std::move(chain)), .authority = nullptr};
  if (key == nullptr) return ca;
  auto authority = CertificateAuthority::create(signer, ca.chain, *std::move(*key));
  if (!authority) return tl::unexpected(CaProblems{.problems = {authority.error()}, .transient = false});
  ca.authority = std::make_shared<const CertificateAuthority>(*std::move(authority));
  return ca;
}

FoundCa read_folder(const std::string& signer, const fs::path& folder, bool with_key) {
  if (!with_key) return together(signer, load_issuer_chain(folder), nullptr);
  auto key = CaKey::load((folder / "tls.key").string());
  return together(signer, load_issuer_chain(folder), &key);
}

// Nothing where there is no such Secret.
std::optional<FoundCa> read_secret(const std::string& signer, KubeApi& api, const std::string& name_space,
                                   const std::string& name, bool with_key, bool may_be_absent) {
  const std::string where = "Secret " + name_space + "/" + name + ": ";
  const auto secret = api.get_tls_secret(name_space, name);
  if (secret) return ca_of(signer, where, *secret, with_key);
  if (may_be_absent && secret.error().kind == KubeError::Kind::kNotFound) return std::nullopt;
  return tl::unexpected(CaProblems{.problems = {about(signer) + where + secret.error().message},
                                   .transient = secret.error().is_transient()});
}

}  // namespace

std::string in_use_folder(const std::string& signer_folder) { return (fs::path(signer_folder) / kInUse).string(); }

std::string in_use_secret(const std::string& secret_name) { return secret_name + "-" + std::string(kInUse); }

tl::expected<Ca, CaProblems> ca_of(const std::string& signer, const std::string& where, const TlsSecret& content,
                                   bool with_key) {
  auto chain = IssuerChain::parse(content.tls_crt, content.ca_crt).map_error([&](const std::string& error) {
    return where + error;
  });
  if (!with_key) return together(signer, std::move(chain), nullptr);
  auto key =
      CaKey::parse(content.tls_key).map_error([&](const std::string& error) { return where + "tls.key: " + error; });
  return together(signer, std::move(chain), &key);
}

CaFindings read_ca(const CaSource& source, KubeApi* api, const std::string& signer, const std::string& secret_name) {
  if (!source.name_space.empty()) {
    return {.source = *read_secret(signer, *api, source.name_space, secret_name, source.with_keys, false),
            .in_use = read_secret(signer, *api, source.name_space, in_use_secret(secret_name), source.with_keys, true)};
  }
  const fs::path folder = fs::path(source.directory) / signer;
  const fs::path in_use = in_use_folder(folder.string());
  std::error_code error;
  // A link that leads nowhere is a record, and a bad one.
  const bool has_record = fs::symlink_status(in_use, error).type() != fs::file_type::not_found;
  return {.source = read_folder(signer, folder, source.with_keys),
          .in_use = has_record ? std::optional(read_folder(signer, in_use, source.with_keys)) : std::nullopt};
}

}  // namespace signet
