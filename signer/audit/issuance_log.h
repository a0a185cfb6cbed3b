#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <tl/expected.hpp>
#include <utility>
#include <vector>

#include "signer/audit/audit_log.h"
#include "signer/audit/chained_file.h"

namespace signet {

/// The durable log of issuing. Records that many threads append at once share a write and an fdatasync. While it cannot
/// be written it looks every second, by itself, whether it can again; a file that was removed or cut by somebody else
/// is begun anew, or gone on with, under its name.
class IssuanceLog final : public AuditLog {
 public:
  /// Told when nothing can be written any more, with why, and, with an empty problem, when it can again; in this order,
  /// by any thread, which must not call the log.
  using OnChange = std::function<void(const std::string& problem)>;

  /// `path` and failures as ChainedFile::open has them; of those, what may pass is waited for.
  [[nodiscard]] static tl::expected<std::unique_ptr<IssuanceLog>, std::string> open(const std::string& path,
                                                                                    AuditClock clock,
                                                                                    OnChange on_change = {});

  /// `file`: the log at `path`, or why it is not open yet.
  IssuanceLog(tl::expected<ChainedFile, std::string> file, std::string path, AuditClock clock, OnChange on_change);

  /// Makes durable what append_eventually took, as far as it can. No thread may be in a call.
  ~IssuanceLog() override;
  IssuanceLog(const IssuanceLog&) = delete;
  IssuanceLog& operator=(const IssuanceLog&) = delete;

  [[nodiscard]] tl::expected<void, std::string> append(const AuditRecord& record) override;
  /// Few records can wait: while one does, no certificate is issued.
  void append_eventually(const AuditRecord& record) override;
  [[nodiscard]] std::string problem() const override;

 private:
  struct Waiter {
    std::string members;
    bool done = false;
    std::string error;
    std::condition_variable woken;  ///< done, or first of those who wait while nobody writes
  };

  /// Writes what was kept and what is waited for, once; by the thread that set writing_.
  void write(std::unique_lock<std::mutex>& lock);
  void write_until_nothing_is_kept(std::unique_lock<std::mutex>& lock);
  /// With the mutex held.
  void set_problem(std::string problem);
  void look_again_and_again();
  /// By the thread that set writing_.
  [[nodiscard]] std::string look_again();

  const std::string path_;
  const AuditClock clock_;
  const OnChange on_change_;

  mutable std::mutex mutex_;
  bool writing_ = false;           ///< guarded by mutex_, as all below; who sets it may use file_
  std::string problem_;            ///< why the last write could not
  std::vector<Waiter*> waiting_;   ///< each lives in the frame of a call to append
  std::vector<std::string> kept_;  ///< happened already and not written yet
  bool stopping_ = false;
  std::condition_variable look_;     ///< there is a problem, or stopping_
  std::optional<ChainedFile> file_;  ///< absent while it cannot be opened
  std::thread looking_;
};

}  // namespace signet
