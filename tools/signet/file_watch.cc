#include "tools/signet/file_watch.h"

#include <sys/stat.h>

#include <cerrno>
#include <utility>

#include "signer/kube/bounded_file.h"

namespace signet {
namespace {

std::int64_t nanoseconds(const timespec& time) { return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec; }

}  // namespace

FileWatch::Stamp FileWatch::stamp() const {
  struct stat status {};
  if (::stat(path_.c_str(), &status) != 0) {
    return {.error = errno};
  }
  return {.error = 0,
          .device = status.st_dev,
          .inode = status.st_ino,
          .size = status.st_size,
          .modified = nanoseconds(status.st_mtim),
          .changed = nanoseconds(status.st_ctim)};
}

std::optional<FileWatch::Text> FileWatch::look() {
  const Stamp now = stamp();
  if (now == read_) {
    return std::nullopt;
  }
  if (std::exchange(seen_, now) != now) {
    return std::nullopt;
  }
  Text text = read_bounded_file(path_, max_bytes_);
  if (stamp() != now) {
    return std::nullopt;
  }
  read_ = text ? std::optional(now) : std::nullopt;
  return text;
}

FileWatch::Text FileWatch::read() {
  const Stamp before = stamp();
  Text text = read_bounded_file(path_, max_bytes_);
  // One that is being written is read again when it was left alone.
  read_ = text && stamp() == before && before == seen_ ? std::optional(before) : std::nullopt;
  seen_ = before;
  return text;
}

}  // namespace signet
