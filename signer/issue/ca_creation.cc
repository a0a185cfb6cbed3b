#include "signer/issue/ca_creation.h"

#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include "signer/issue/ca_files.h"

namespace signet {
namespace {

namespace fs = std::filesystem;

using NewCas = std::map<std::string, TlsSecret>;

std::string about(const std::string& signer) { return "signer \"" + signer + "\": "; }

// Adds one more problem, of which `is_existing` says whether it is that something is there already.
void add(CaCreationFailure& failure, std::string problem, bool is_existing) {
  failure.only_existing = is_existing && (failure.problems.empty() || failure.only_existing);
  failure.problems.push_back(std::move(problem));
}

tl::unexpected<CaCreationFailure> fail(std::string problem) {
  return tl::unexpected(CaCreationFailure{.problems = {std::move(problem)}, .only_existing = false});
}

tl::expected<NewCas, CaCreationFailure> make_cas(const std::vector<std::string>& signers, const CaProfile& profile,
                                                 std::chrono::sys_seconds now) {
  NewCas made;
  CaCreationFailure failure;
  for (const std::string& signer : signers) {
    auto ca = make_self_signed_ca(signer, profile, now);
    if (ca) {
      made.emplace(signer, *std::move(ca));
    } else {
      add(failure, about(signer) + ca.error(), false);
    }
  }
  if (!failure.problems.empty()) return tl::unexpected(std::move(failure));
  return made;
}

// "cas/foo exists already, with tls.crt and without tls.key, ca.crt".
std::string existing_text(const fs::path& folder) {
  std::string present;
  std::string absent;
  for (const CaFile& file : kCaFiles) {
    std::error_code error;
    std::string& list =
        fs::symlink_status(folder / file.name, error).type() == fs::file_type::not_found || error ? absent : present;
    list += (list.empty() ? "" : ", ") + std::string(file.name);
  }
  return folder.string() + " exists already" + (present.empty() ? "" : ", with " + present) +
         (absent.empty() ? "" : (present.empty() ? ", without " : " and without ") + absent);
}

}  // namespace

tl::expected<void, CaCreationFailure> create_cas_in_directory(const std::string& directory,
                                                              const std::vector<std::string>& signers,
                                                              const CaProfile& profile, std::chrono::sys_seconds now) {
  CaCreationFailure existing;
  for (const std::string& signer : signers) {
    const fs::path folder = fs::path(directory) / signer;
    std::error_code error;
    const fs::file_type type = fs::symlink_status(folder, error).type();
    if (type == fs::file_type::none) {
      add(existing, about(signer) + folder.string() + ": " + error.message(), false);
    } else if (type != fs::file_type::not_found) {
      add(existing, about(signer) + existing_text(folder), true);
    }
  }
  if (!existing.problems.empty()) return tl::unexpected(std::move(existing));
  const auto cas = make_cas(signers, profile, now);
  if (!cas) return tl::unexpected(cas.error());

  NewPaths made;
  if (const int error = make_folder(directory, made); error != 0 && error != EEXIST) {
    return fail(system_error(directory, error));
  }
  for (const auto& [signer, ca] : *cas) {
    if (auto written = write_ca(fs::path(directory) / signer, ca, made); !written) {
      return fail(about(signer) + written.error() + "; none of the CAs was kept");
    }
  }
  if (const int error = sync_folder(directory); error != 0) return fail(system_error(directory, error));
  made.keep();
  return {};
}

tl::expected<void, CaCreationFailure> create_cas_in_secrets(KubeApi& api, const std::string& name_space,
                                                            const std::map<std::string, std::string>& secret_names,
                                                            const CaProfile& profile, std::chrono::sys_seconds now) {
  std::vector<std::string> signers;
  std::map<std::string, std::string> signer_of;
  for (const auto& [signer, secret_name] : secret_names) {
    signers.push_back(signer);
    if (const auto [first, added] = signer_of.emplace(secret_name, signer); !added) {
      return fail("signers \"" + first->second + "\" and \"" + signer + "\" have the same Secret " + secret_name);
    }
  }
  const auto cas = make_cas(signers, profile, now);
  if (!cas) return tl::unexpected(cas.error());

  const auto create = [&](const std::string& signer, DryRun dry_run) {
    return api.create_tls_secret(name_space, secret_names.at(signer), cas->at(signer), dry_run);
  };
  const auto where = [&](const std::string& signer) {
    return about(signer) + "Secret " + name_space + "/" + secret_names.at(signer) + ": ";
  };
  CaCreationFailure refused;
  for (const std::string& signer : signers) {
    if (const auto tried = create(signer, DryRun::kYes); !tried) {
      add(refused, where(signer) + tried.error().message, tried.error().kind == KubeError::Kind::kConflict);
    }
  }
  if (!refused.problems.empty()) return tl::unexpected(std::move(refused));
  for (std::size_t i = 0; i < signers.size(); ++i) {
    const auto created = create(signers[i], DryRun::kNo);
    if (created) continue;
    add(refused, where(signers[i]) + created.error().message, false);
    for (std::size_t k = 0; k < signers.size(); ++k) {
      if (k != i) add(refused, where(signers[k]) + (k < i ? "was created, and stays" : "was not created"), false);
    }
    return tl::unexpected(std::move(refused));
  }
  return {};
}

}  // namespace signet
