#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

namespace signet {

/// What tells one state of a file from another: device, inode, size and the times of the last writing and of the last
/// change, of which the kernel lets nobody set the latter. Symbolic links are followed. Two states can share all of
/// them only when they follow each other within one tick of its clock (10 ms at most): whoever looks less often than
/// that misses nothing.
struct FileStamp {
  [[nodiscard]] static FileStamp of(const std::string& path);

  int error = 0;  ///< errno where there is nothing else
  dev_t device = 0;
  ino_t inode = 0;
  off_t size = 0;
  std::int64_t modified = 0;  ///< nanoseconds
  std::int64_t changed = 0;   ///< nanoseconds

  friend bool operator==(const FileStamp&, const FileStamp&) = default;
};

}  // namespace signet
