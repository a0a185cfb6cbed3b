#include "signer/issue/ca_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>
#include <system_error>

namespace signet {
namespace {

namespace fs = std::filesystem;

constexpr mode_t kFolderMode = 0700;

// Writes all of it and waits until it is durable. 0, or errno.
int write_and_sync(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(descriptor, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return ::fsync(descriptor) == 0 ? 0 : errno;
}

// 0, or errno: EEXIST too, for what is there is never opened.
int make_file(const fs::path& path, std::string_view text, mode_t mode, NewPaths& made) {
  const int descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
  if (descriptor < 0) return errno;
  made.add(path);
  const int error = write_and_sync(descriptor, text);
  return ::close(descriptor) == 0 || error != 0 ? error : errno;
}

}  // namespace

NewPaths::~NewPaths() {
  for (auto path = paths_.rbegin(); path != paths_.rend(); ++path) {
    std::error_code ignored;  // What is reported is why the paths are not kept.
    fs::remove(*path, ignored);
  }
}

int make_folder(const fs::path& path, NewPaths& made) {
  if (::mkdir(path.c_str(), kFolderMode) != 0) return errno;
  made.add(path);
  return 0;
}

int sync_folder(const fs::path& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return errno;
  const int error = ::fsync(descriptor) == 0 ? 0 : errno;
  ::close(descriptor);
  return error;
}

tl::expected<void, std::string> write_ca(const fs::path& folder, const TlsSecret& ca, NewPaths& made) {
  if (const int error = make_folder(folder, made); error != 0) return tl::unexpected(system_error(folder, error));
  for (const CaFile& file : kCaFiles) {
    if ((ca.*file.content).empty()) continue;
    const fs::path path = folder / file.name;
    if (const int error = make_file(path, ca.*file.content, file.mode, made); error != 0) {
      return tl::unexpected(system_error(path, error));
    }
  }
  if (const int error = sync_folder(folder); error != 0) return tl::unexpected(system_error(folder, error));
  return {};
}

std::string system_error(const fs::path& path, int error) {
  return path.string() + ": " + std::generic_category().message(error);
}

}  // namespace signet
