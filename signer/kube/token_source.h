#pragma once

#include <mutex>
#include <optional>
#include <string>
#include <tl/expected.hpp>
#include <utility>

#include "signer/kube/file_stamp.h"

namespace signet {

// A bearer token: a fixed one, or that of a file, read anew whenever the file has changed, as the kubelet rotates it.
// May be used from several threads.
class TokenSource {
 public:
  // `file` goes first; with both empty there is no token.
  TokenSource(std::string token, std::string file) : file_(std::move(file)), token_(std::move(token)) {}

  // The token as of now, without white space around it; empty when there is none. The error names the file.
  [[nodiscard]] tl::expected<std::string, std::string> current();

  // The token as of now if it is another than the one that was not accepted, for which the file is read in any case.
  [[nodiscard]] std::optional<std::string> instead_of(const std::string& refused);

 private:
  const std::string file_;
  std::mutex mutex_;
  // Guarded by mutex_: the token, and what the file it was read from looked like.
  std::string token_;
  std::optional<FileStamp> seen_;
};

}  // namespace signet
