#include "signer/kube/bounded_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <system_error>

namespace signet {
namespace {

std::string error_text(int error) { return std::generic_category().message(error); }

}  // namespace

tl::expected<std::string, std::string> read_bounded_file(const std::string& path, std::size_t max_bytes) {
  const auto refuse = [&path](const std::string& why) { return tl::unexpected(path + ": " + why); };
  const auto too_large = [&] { return refuse("larger than " + std::to_string(max_bytes) + " bytes"); };
  if (path.find('\0') != std::string::npos) return tl::unexpected<std::string>("not a file's name: it has a zero byte");

  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
  if (descriptor < 0) return refuse(error_text(errno));
  struct stat status {};
  const bool is_file = ::fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode);
  std::string text;
  int error = 0;
  if (is_file && static_cast<std::uintmax_t>(status.st_size) <= max_bytes) {
    // One more than there is, to see the end; more still, up to one more than is allowed, should the file grow.
    text.resize(static_cast<std::size_t>(status.st_size) + 1);
    std::size_t have = 0;
    while (have <= max_bytes) {
      if (have == text.size()) text.resize(std::min(2 * have, max_bytes + 1));
      const ssize_t got = ::read(descriptor, text.data() + have, text.size() - have);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) error = errno;
      if (got <= 0) break;
      have += static_cast<std::size_t>(got);
    }
    text.resize(have);
  }
  ::close(descriptor);
  if (!is_file) return refuse(S_ISDIR(status.st_mode) ? "is a directory, not a file" : "not a regular file");
  if (error != 0) return refuse(error_text(error));
  if (static_cast<std::uintmax_t>(status.st_size) > max_bytes || text.size() > max_bytes) return too_large();
  return text;
}

}  // namespace signet
