#pragma once

#include <sys/stat.h>

#include <mutex>
#include <string>
#include <tl/expected.hpp>

namespace signet {

// A bearer token: a fixed one, or that of a file, read anew whenever the file has changed, as the kubelet rotates it.
// May be used from several threads.
class TokenSource {
 public:
  // `file` goes first; with both empty there is no token.
  TokenSource(std::string token, std::string file) : file_(std::move(file)), token_(std::move(token)) {}

  // The token as of now, without white space around it; empty when there is none. The error names the file.
  [[nodiscard]] tl::expected<std::string, std::string> current();

 private:
  const std::string file_;
  std::mutex mutex_;
  // Guarded by mutex_: the token, and what the file it was read from looked like.
  std::string token_;
  struct stat seen_ = {};
};

}  // namespace signet
