#include "tools/signet/inputs/file_watch.h"

#include <utility>

#include "signer/kube/bounded_file.h"

namespace signet {

std::optional<FileWatch::Text> FileWatch::look() {
  const FileStamp now = FileStamp::of(path_);
  if (now == read_) {
    return std::nullopt;
  }
  if (std::exchange(seen_, now) != now) {
    return std::nullopt;
  }
  Text text = read_bounded_file(path_, max_bytes_);
  if (FileStamp::of(path_) != now) {
    return std::nullopt;
  }
  read_ = text ? std::optional(now) : std::nullopt;
  return text;
}

FileWatch::Text FileWatch::read() {
  const FileStamp before = FileStamp::of(path_);
  Text text = read_bounded_file(path_, max_bytes_);
  // One that is being written is read again when it was left alone.
  read_ = text && FileStamp::of(path_) == before && before == seen_ ? std::optional(before) : std::nullopt;
  seen_ = before;
  return text;
}

}  // namespace signet
