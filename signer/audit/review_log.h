#pragma once

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <tl/expected.hpp>
#include <vector>

#include "signer/audit/chained_file.h"
#include "signer/audit/review_coalescer.h"

namespace signet {

/// The log of answered reviews: a chain of its own, which costs the one who answers nothing but a moment, and may lose
/// records, never their number.
class ReviewLog {
 public:
  struct Limits {
    ReviewCoalescer::Limits lines;
    /// A file that has grown to this is put away as "<path>.1", in place of the one before it, and a new one, begun as
    /// "<path>.new", takes its name: strangers' reviews take no more of a disk than twice this.
    std::uint64_t max_file_bytes = std::uint64_t{256} << 20U;
  };

  /// `path` and failures as ChainedFile::open has them; what may pass is waited for, and what is noted meanwhile is
  /// lost. Starts the thread that writes.
  [[nodiscard]] static tl::expected<std::unique_ptr<ReviewLog>, std::string> open(const std::string& path,
                                                                                  const Limits& limits,
                                                                                  AuditClock clock);

  /// `file`: the log at `path`, if it is open yet.
  ReviewLog(std::optional<ChainedFile> file, std::string path, const Limits& limits, AuditClock clock);
  ~ReviewLog();
  ReviewLog(const ReviewLog&) = delete;
  ReviewLog& operator=(const ReviewLog&) = delete;

  /// Takes note of a review. Waits for no disk and does not fail. Safe for many threads.
  void record(const AuditRecord& record);

  /// Writes what was noted, and counts, and ends the thread. Nothing may be recorded afterwards.
  void stop();

  /// Reviews that no line tells of, for want of room or because writing failed.
  [[nodiscard]] std::uint64_t dropped() const;

 private:
  void run();
  void write(const std::vector<ReviewCoalescer::Line>& lines);
  void begin_new_file();
  /// Has file_ be what lines can be appended to, if there is such.
  void open_again();

  const std::string path_;
  const Limits limits_;
  const AuditClock clock_;
  std::optional<ChainedFile> file_;  ///< the thread's alone; absent while it cannot be opened

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  ReviewCoalescer coalescer_;  ///< guarded by mutex_
  bool stopping_ = false;      ///< guarded by mutex_
  bool idle_ = false;          ///< guarded by mutex_; the thread waits until something is noted
  std::thread thread_;
};

}  // namespace signet
