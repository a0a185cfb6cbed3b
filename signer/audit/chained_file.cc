#include "signer/audit/chained_file.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>
#include <vector>

#include "signer/csr/sha256.h"

namespace signet {
namespace {

// How much of a file's end is read to find its last line: that line and what a crash can leave behind it.
constexpr std::uint64_t kTailBytes = 2 * kMaxAuditLineBytes;

// How long standard output may refuse to take bytes (a full pipe in non-blocking mode) before that is an error.
constexpr int kStalledOutputMs = 5000;

// How much a probe writes: many records, each of one or two thousand bytes.
constexpr std::size_t kProbeBytes = std::size_t{64} << 10U;
static_assert(kProbeBytes < kMaxAuditLineBytes, "or what is left of one hides the last line");

// What every line begins with.
constexpr std::string_view kLinePrefix = R"({"time":")";

std::string error_text(int error) { return std::error_code(error, std::generic_category()).message(); }

const char* kind_of(mode_t mode) {
  if (S_ISDIR(mode)) return "a directory";
  if (S_ISFIFO(mode)) return "a FIFO";
  if (S_ISCHR(mode) || S_ISBLK(mode)) return "a device";
  if (S_ISSOCK(mode)) return "a socket";
  return "no regular file";
}

bool may_pass(int error) {
  return error == ENOSPC || error == EDQUOT || error == EFBIG || error == EROFS || error == EIO;
}

// A new file survives a crash when its directory's entry does.
tl::expected<void, std::string> sync_directory_of(const std::string& path) {
  const std::filesystem::path parent = std::filesystem::path(path).parent_path();
  const int descriptor = ::open(parent.empty() ? "." : parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return tl::unexpected(path + ": cannot open its directory: " + error_text(errno));
  const int synced = ::fsync(descriptor);
  const int error = errno;
  ::close(descriptor);
  // EINVAL: a file system whose directories cannot be synced.
  if (synced != 0 && error != EINVAL) {
    return tl::unexpected(path + ": cannot sync its directory: " + error_text(error));
  }
  return {};
}

tl::expected<std::string, std::string> read_end(int descriptor, std::uint64_t from, std::uint64_t to) {
  std::string text(to - from, '\0');
  std::size_t have = 0;
  while (have < text.size()) {
    const ssize_t got = ::pread(descriptor, text.data() + have, text.size() - have, static_cast<off_t>(from + have));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return tl::unexpected<std::string>("cannot read: " + error_text(errno));
    if (got == 0) break;
    have += static_cast<std::size_t>(got);
  }
  text.resize(have);
  return text;
}

struct LastLine {
  ChainHead head;
  bool ended = true;  ///< by a newline
  std::size_t end = 0;
};

// The last line of `text` that holds, newline or not; nothing if there is none.
std::optional<LastLine> find_last_line(std::string_view text) {
  std::size_t end = text.size();
  while (true) {
    const std::size_t newline = end == 0 ? std::string_view::npos : text.rfind('\n', end - 1);
    const std::size_t begin = newline == std::string_view::npos ? 0 : newline + 1;
    if (const auto line = read_line(text.substr(begin, end - begin))) {
      const bool ended = end < text.size();
      return LastLine{{line->seq, line->hash}, ended, ended ? end + 1 : end};
    }
    if (newline == std::string_view::npos) return std::nullopt;
    end = newline;
  }
}

// Whether `text`, in which no line holds, is the first line of a log, cut off, and perhaps the line that was to mark
// it.
bool is_torn_beginning(std::string_view text) {
  if (text.size() > kMaxAuditLineBytes) return false;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    const std::string_view begin = line.substr(0, kLinePrefix.size());
    if (begin.empty() || begin != kLinePrefix.substr(0, begin.size())) return false;
    text.remove_prefix(std::min(text.size(), line.size() + 1));
  }
  return true;
}

}  // namespace

ChainedFile::ChainedFile(int descriptor, bool is_file, std::string path, AuditStream stream, AuditClock clock)
    : descriptor_(descriptor), is_file_(is_file), path_(std::move(path)), stream_(stream), clock_(std::move(clock)) {}

ChainedFile::ChainedFile(ChainedFile&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)),
      is_file_(other.is_file_),
      path_(std::move(other.path_)),
      stream_(other.stream_),
      clock_(std::move(other.clock_)),
      head_(std::move(other.head_)),
      size_(other.size_),
      tail_(std::move(other.tail_)),
      too_long_(other.too_long_) {}

ChainedFile& ChainedFile::operator=(ChainedFile&& other) noexcept {
  if (this != &other) {
    ChainedFile old(std::move(*this));
    descriptor_ = std::exchange(other.descriptor_, -1);
    is_file_ = other.is_file_;
    path_ = std::move(other.path_);
    stream_ = other.stream_;
    clock_ = std::move(other.clock_);
    head_ = std::move(other.head_);
    size_ = other.size_;
    tail_ = std::move(other.tail_);
    too_long_ = other.too_long_;
  }
  return *this;
}

ChainedFile::~ChainedFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

tl::expected<ChainedFile, ChainedFile::OpenProblem> ChainedFile::open(const std::string& path, AuditStream stream,
                                                                      AuditClock clock) {
  const auto failed = [](std::string message, bool may_pass = false) {
    return tl::unexpected(OpenProblem{std::move(message), may_pass});
  };
  if (path.empty() || path.find('\0') != std::string::npos) return failed("audit log: not a file's name");
  if (path == "-") {
    const int descriptor = ::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
    if (descriptor < 0) return failed("standard output: " + error_text(errno));
    ChainedFile output(descriptor, false, "standard output", stream, std::move(clock));
    const Appended started = output.append(std::vector{start_members(stream, std::nullopt)});
    if (!started.error.empty()) return failed(started.error);
    return output;
  }

  // O_NONBLOCK: or a FIFO would stop us here for ever.
  const int descriptor = ::open(path.c_str(), O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0600);
  if (descriptor < 0) {
    const int error = errno;
    return failed(path + ": " + (error == EISDIR ? "is a directory, not a file" : error_text(error)), may_pass(error));
  }
  ChainedFile file(descriptor, true, path, stream, std::move(clock));
  struct stat status {};
  if (::fstat(descriptor, &status) != 0) return failed(file.failure("examine", errno));
  if (!S_ISREG(status.st_mode)) return failed(path + ": is " + kind_of(status.st_mode) + ", not a file");
  if (::flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
    return failed(errno == EWOULDBLOCK ? path + ": another process writes this audit log"
                                       : file.failure("lock", errno));
  }
  if (auto continued = file.continue_chain(); !continued) return tl::unexpected(continued.error());
  return file;
}

tl::expected<void, ChainedFile::OpenProblem> ChainedFile::continue_chain() {
  const auto may_pass = [](std::string message) { return tl::unexpected(OpenProblem{std::move(message), true}); };
  struct stat status {};
  // Again, now that nobody else writes.
  if (::fstat(descriptor_, &status) != 0) return may_pass(failure("examine", errno));
  size_ = static_cast<std::uint64_t>(status.st_size);
  const std::uint64_t from = size_ > kTailBytes ? size_ - kTailBytes : 0;
  auto text = read_end(descriptor_, from, size_);
  if (!text) return may_pass(path_ + ": " + text.error());

  const std::optional<LastLine> last = find_last_line(*text);
  if (last) {
    head_ = last->head;
    tail_ = text->substr(last->end);
    if (!last->ended) {
      int error = 0;
      if (write_some("\n", error) != 1) return may_pass(failure("write", error));
      ++size_;
    }
    if (tail_.empty()) return {};
  } else {
    if (from > 0 || !is_torn_beginning(*text)) {
      return tl::unexpected(OpenProblem{path_ + ": holds no audit log; nothing was written to it"});
    }
    tail_ = *text;
  }
  if (stream_ == AuditStream::kIssuance) {
    if (auto synced = sync_directory_of(path_); !synced) return may_pass(synced.error());
  }
  const std::vector<std::string> none;
  const Appended started = tail_.empty() ? append(std::vector{start_members(stream_, std::nullopt)}) : append(none);
  if (!started.error.empty()) return may_pass(started.error);
  return {};
}

std::string ChainedFile::failure(const char* doing, int error) const {
  return path_ + ": cannot " + doing + ": " + error_text(error);
}

std::size_t ChainedFile::write_some(std::string_view text, int& error) const {
  std::size_t done = 0;
  error = 0;
  while (done < text.size()) {
    const ssize_t wrote = ::write(descriptor_, text.data() + done, text.size() - done);
    if (wrote > 0) {
      done += static_cast<std::size_t>(wrote);
      continue;
    }
    error = wrote == 0 ? EIO : errno;
    if (error == EINTR) continue;
    if (error == EAGAIN) {
      pollfd waiting{descriptor_, POLLOUT, 0};
      if (::poll(&waiting, 1, kStalledOutputMs) > 0) continue;
    }
    return done;
  }
  error = 0;
  return done;
}

// What a line that is appended now would be lost with.
tl::expected<void, std::string> ChainedFile::examine() const {
  struct stat status {};
  if (::fstat(descriptor_, &status) != 0) return tl::unexpected(failure("examine", errno));
  if (status.st_nlink == 0) return tl::unexpected(path_ + ": was removed by somebody else");
  if (static_cast<std::uint64_t>(status.st_size) < size_) {
    return tl::unexpected(path_ + ": was made shorter by somebody else");
  }
  return {};
}

bool ChainedFile::is_lost() const {
  if (!is_file_) return false;
  struct stat ours {};
  struct stat named {};
  return !examine() || ::fstat(descriptor_, &ours) != 0 || ::stat(path_.c_str(), &named) != 0 ||
         ours.st_dev != named.st_dev || ours.st_ino != named.st_ino;
}

tl::expected<void, std::string> ChainedFile::probe() {
  if (!is_file_) return {};
  if (auto examined = examine(); !examined) return examined;
  if (auto cut = cut_back(); !cut) return cut;
  const std::string bytes(kProbeBytes, ' ');
  int error = 0;
  std::string failed;
  if (write_some(bytes, error) < bytes.size()) {
    failed = failure("write", error);
  } else if (::fdatasync(descriptor_) != 0) {
    failed = failure("sync", errno);
  }
  too_long_ = true;
  auto cut = cut_back();
  if (!failed.empty()) return tl::unexpected(failed);
  return cut;
}

tl::expected<void, std::string> ChainedFile::cut_back() {
  if (!too_long_) return {};
  if (::ftruncate(descriptor_, static_cast<off_t>(size_)) != 0) return tl::unexpected(failure("cut back", errno));
  too_long_ = false;
  return {};
}

ChainedFile::Appended ChainedFile::append(std::span<const std::string> members, Durable durable) {
  if (is_file_) {
    if (auto examined = examine(); !examined) return {0, examined.error()};
    if (auto cut = cut_back(); !cut) return {0, cut.error()};
  }
  struct Line {
    std::size_t end;  ///< in `text`
    ChainHead head;
  };
  std::string text;
  std::vector<Line> lines;
  ChainHead head = head_;
  const bool marks_tail = !tail_.empty();
  if (marks_tail) {
    // The newline may have been written already, by a try that then failed.
    const bool ended = tail_.back() == '\n';
    const std::string torn = ended ? tail_.substr(0, tail_.size() - 1) : tail_;
    if (!ended) text += '\n';
    text += seal_line(start_members(stream_, TornTail{torn.size(), sha256_hex(torn)}), clock_(), head);
    lines.push_back({text.size(), head});
  }
  for (const std::string& member : members) {
    text += seal_line(member, clock_(), head);
    lines.push_back({text.size(), head});
  }

  const bool syncs = is_file_ && stream_ == AuditStream::kIssuance && durable == Durable::kNow;
  int error = 0;
  const std::size_t written = write_some(text, error);
  std::string failed;
  if (written < text.size()) {
    failed = failure("write", error);
  } else if (syncs && ::fdatasync(descriptor_) != 0) {
    failed = failure("sync", errno);
  }
  if (failed.empty()) {
    head_ = head;
    size_ += text.size();
    tail_.clear();
    return {members.size(), {}};
  }
  if (is_file_) {
    too_long_ = true;
    // What cannot be cut back now is cut back before the next line.
    static_cast<void>(cut_back());
    return {0, failed};
  }
  size_ += written;
  const auto unfinished = std::ranges::find_if(lines, [&](const Line& line) { return line.end > written; });
  const auto whole = static_cast<std::size_t>(unfinished - lines.begin());
  if (whole > 0) {
    head_ = lines[whole - 1].head;
    tail_ = text.substr(lines[whole - 1].end, written - lines[whole - 1].end);
  } else {
    tail_ += text.substr(0, written);
  }
  return {whole - (marks_tail && whole > 0 ? 1U : 0U), failed};
}

}  // namespace signet
