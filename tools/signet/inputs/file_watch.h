#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <tl/expected.hpp>

#include "signer/kube/file_stamp.h"

namespace signet {

/// Sees when a file is another than before: edited, replaced under its name, or behind a symbolic link, its own or that
/// of a folder above it, which leads elsewhere now: as FileStamp tells files apart. Not for use from several threads.
class FileWatch {
 public:
  /// The file's bytes; or why it cannot be read, "path: message".
  using Text = tl::expected<std::string, std::string>;

  FileWatch(std::string path, std::size_t max_bytes) : path_(std::move(path)), max_bytes_(max_bytes) {}

  /// What the file holds, if it is another than the one last read; nothing while it still differs from look to look, so
  /// that none is seen that is only half written. A file that cannot be read is told at each look.
  [[nodiscard]] std::optional<Text> look();

  /// What the file holds now.
  [[nodiscard]] Text read();

  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  const std::string path_;
  const std::size_t max_bytes_;
  std::optional<FileStamp> seen_;  ///< at the last look
  std::optional<FileStamp> read_;  ///< of what was last read whole
};

}  // namespace signet
