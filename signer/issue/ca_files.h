#pragma once

#include <sys/types.h>

#include <array>
#include <filesystem>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "signer/kube/kube_api.h"

namespace signet {

struct CaFile {
  const char* name;
  std::string TlsSecret::*content;
  mode_t mode;
};
/// A CA's files; keys are for their owner alone.
inline constexpr std::array kCaFiles = {CaFile{"tls.crt", &TlsSecret::tls_crt, 0644},
                                        CaFile{"tls.key", &TlsSecret::tls_key, 0600},
                                        CaFile{"ca.crt", &TlsSecret::ca_crt, 0644}};

/// Files and folders that are removed, the last one first, unless they are kept.
class NewPaths {
 public:
  NewPaths() = default;
  NewPaths(const NewPaths&) = delete;
  NewPaths& operator=(const NewPaths&) = delete;
  ~NewPaths();

  void add(const std::filesystem::path& path) { paths_.push_back(path); }
  void keep() { paths_.clear(); }

 private:
  std::vector<std::filesystem::path> paths_;
};

/// For its owner alone. 0, or errno.
[[nodiscard]] int make_folder(const std::filesystem::path& path, NewPaths& made);
/// Makes the entries of a folder durable. 0, or errno.
[[nodiscard]] int sync_folder(const std::filesystem::path& path);
/// A new folder with a CA's files, durable; no ca.crt where there are no roots. What was made is in `made` after an
/// error, too.
[[nodiscard]] tl::expected<void, std::string> write_ca(const std::filesystem::path& folder, const TlsSecret& ca,
                                                       NewPaths& made);

/// "path: message".
[[nodiscard]] std::string system_error(const std::filesystem::path& path, int error);

}  // namespace signet
