#include "signer/issue/ca_record.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include "signer/issue/ca_files.h"
#include "signer/issue/ca_key.h"
#include "signer/issue/ca_source.h"
#include "signer/kube/bounded_file.h"
#include "signer/trust/certificate.h"

namespace signet {
namespace {

namespace fs = std::filesystem;

// So that a folder of records is told from what somebody else put there.
constexpr const char* kRecordPrefix = ".in-use-";

// A name that nothing has yet in the folder.
std::string fresh_name(const fs::path& folder) {
  std::string name = (folder / kRecordPrefix).string() + "XXXXXX";
  // The folder is made by write_ca, which wants it not to be there: it is a name that is taken from mkdtemp.
  return ::mkdtemp(name.data()) != nullptr && ::rmdir(name.c_str()) == 0 ? name : std::string();
}

// An administrator may write what another account is to read. 0, or errno.
int give_to_owner_of(const fs::path& key, const fs::path& record) {
  struct stat owner {};
  if (::geteuid() != 0) return 0;
  if (::stat(key.c_str(), &owner) != 0) return errno;
  for (const auto& file : fs::directory_iterator(record)) {
    if (::lchown(file.path().c_str(), owner.st_uid, owner.st_gid) != 0) return errno;
  }
  return ::lchown(record.c_str(), owner.st_uid, owner.st_gid) == 0 ? 0 : errno;
}

}  // namespace

tl::expected<TlsSecret, std::string> read_ca_files(const std::string& folder) {
  TlsSecret ca;
  for (const CaFile& file : kCaFiles) {
    const fs::path path = fs::path(folder) / file.name;
    std::error_code error;
    if (file.content == &TlsSecret::ca_crt && !fs::exists(path, error) && !error) continue;
    auto text =
        read_bounded_file(path.string(), file.content == &TlsSecret::tls_key ? kMaxCaKeyBytes : kChainLimits.max_bytes);
    if (!text) return tl::unexpected(std::move(text.error()));
    ca.*file.content = *std::move(text);
  }
  return ca;
}

tl::expected<void, std::string> keep_in_folder(const std::string& signer_folder, const TlsSecret& ca) {
  const fs::path folder = signer_folder;
  const fs::path record = in_use_folder(signer_folder);
  const fs::path next = fresh_name(folder);
  if (next.empty()) return tl::unexpected(system_error(folder, errno));
  NewPaths made;
  if (auto written = write_ca(next, ca, made); !written) return written;
  if (const int failed = give_to_owner_of(folder / "tls.key", next); failed != 0) {
    return tl::unexpected(system_error(next, failed));
  }
  const fs::path link = next.string() + ".link";
  std::error_code error;
  fs::create_symlink(next.filename(), link, error);
  if (error) return tl::unexpected(link.string() + ": " + error.message());
  made.add(link);
  const fs::path old = fs::read_symlink(record, error);
  fs::rename(link, record, error);
  if (error) return tl::unexpected(record.string() + ": " + error.message());
  made.keep();
  if (const int failed = sync_folder(folder); failed != 0) return tl::unexpected(system_error(folder, failed));
  if (old.string().starts_with(kRecordPrefix)) fs::remove_all(folder / old, error);
  return {};
}

KubeResult<void> keep_in_secret(KubeApi& api, const std::string& name_space, const std::string& secret_name,
                                TlsSecret ca, const TlsSecret* record) {
  const std::string name = in_use_secret(secret_name);
  if (record == nullptr) return api.create_tls_secret(name_space, name, ca, DryRun::kNo);
  ca.resource_version = record->resource_version;
  return api.replace_tls_secret(name_space, name, ca);
}

}  // namespace signet
