#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <tl/expected.hpp>

#include "signer/audit/audit_line.h"

namespace signet {

/// A file or standard output that lines of one hash chain are appended to, by one thread at a time.
class ChainedFile {
 public:
  struct OpenProblem {
    std::string message;
    bool may_pass = false;  ///< a file whose file system is full, read-only or does not work, and may work later
  };

  /// Opens the log at `path`, or standard output for "-". A new file (mode 0600) and standard output begin with a
  /// `start` line; an existing file is continued from its last line. What a crash left unfinished behind that line
  /// stays where it is, and a `start` line behind it tells its length and hash. Fails, with the path and the reason,
  /// for what is not a regular file, for one that another process has open as a log, and for one that holds no audit
  /// log.
  [[nodiscard]] static tl::expected<ChainedFile, OpenProblem> open(const std::string& path, AuditStream stream,
                                                                   AuditClock clock);

  ChainedFile(ChainedFile&& other) noexcept;
  ChainedFile& operator=(ChainedFile&& other) noexcept;
  ChainedFile(const ChainedFile&) = delete;
  ChainedFile& operator=(const ChainedFile&) = delete;
  ~ChainedFile();

  struct Appended {
    std::size_t count = 0;  ///< how many, from the front, stand in the log and count
    std::string error;      ///< why the others do not; empty if all do
  };

  /// Whether lines of an issuance log are on the disk when append() returns, or, where the system may fail before, with
  /// the next that are. What the process has written outlives the process in either case.
  enum class Durable { kNow, kWithTheNext };

  /// Appends a line for each of `members` (audit_line.h), all in one write. A file is left as it was if that fails;
  /// what standard output took in part is marked like a crash. Each call tries anew, so the log recovers when there is
  /// room. Nothing is appended to a file that was removed, or cut by somebody else.
  [[nodiscard]] Appended append(std::span<const std::string> members, Durable durable = Durable::kNow);

  /// Whether a file has room for more lines: some bytes are written, synced and taken back. One killed meanwhile leaves
  /// them to be marked like a torn line. Of standard output only the next line tells.
  [[nodiscard]] tl::expected<void, std::string> probe();

  /// Whether the log's name leads to nothing or to another file, or the file was cut by somebody else. Only opening the
  /// log again helps where no line can be appended.
  [[nodiscard]] bool is_lost() const;

  /// Bytes in the file; what was written so far on standard output.
  [[nodiscard]] std::uint64_t size() const { return size_; }
  [[nodiscard]] const ChainHead& head() const { return head_; }

 private:
  ChainedFile(int descriptor, bool is_file, std::string path, AuditStream stream, AuditClock clock);

  [[nodiscard]] tl::expected<void, OpenProblem> continue_chain();
  [[nodiscard]] tl::expected<void, std::string> examine() const;
  [[nodiscard]] tl::expected<void, std::string> cut_back();
  [[nodiscard]] std::string failure(const char* doing, int error) const;
  /// Writes all of `text` or as much as goes; `error` is 0 or the errno.
  [[nodiscard]] std::size_t write_some(std::string_view text, int& error) const;

  int descriptor_ = -1;
  bool is_file_ = false;
  std::string path_;
  AuditStream stream_;
  AuditClock clock_;
  ChainHead head_;
  std::uint64_t size_ = 0;
  std::string tail_;       ///< what stands behind the last line, unfinished
  bool too_long_ = false;  ///< a file: a failed write may have left bytes beyond size_
};

}  // namespace signet
