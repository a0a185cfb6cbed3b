#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <tl/expected.hpp>

namespace signet {

/// Sees when a file is another than before: edited, replaced under its name, or behind a symbolic link, its own or that
/// of a folder above it, which leads elsewhere now. Not for use from several threads.
///
/// What tells files apart is device, inode, size and the times of the last writing and of the last change, of which the
/// kernel lets nobody set the latter. Two states can share all of them only when they follow each other within one
/// tick of its clock (10 ms at most): whoever looks less often than that misses nothing.
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
  struct Stamp {
    int error = 0;  ///< why there is nothing else
    dev_t device = 0;
    ino_t inode = 0;
    off_t size = 0;
    std::int64_t modified = 0;  ///< nanoseconds
    std::int64_t changed = 0;   ///< nanoseconds

    friend bool operator==(const Stamp&, const Stamp&) = default;
  };
  [[nodiscard]] Stamp stamp() const;

  const std::string path_;
  const std::size_t max_bytes_;
  std::optional<Stamp> seen_;  ///< at the last look
  std::optional<Stamp> read_;  ///< of what was last read whole
};

}  // namespace signet
