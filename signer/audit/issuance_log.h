#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <tl/expected.hpp>
#include <utility>
#include <vector>

#include "signer/audit/audit_log.h"
#include "signer/audit/chained_file.h"

namespace signet {

/// The durable log of issuing. Records that many threads append at once share a write and an fdatasync.
class IssuanceLog final : public AuditLog {
 public:
  /// `path` and failures as ChainedFile::open has them.
  [[nodiscard]] static tl::expected<std::unique_ptr<IssuanceLog>, std::string> open(const std::string& path,
                                                                                    AuditClock clock);

  explicit IssuanceLog(ChainedFile file) : file_(std::move(file)) {}

  /// Makes durable what append_eventually took, as far as it can. No thread may be in a call.
  ~IssuanceLog() override;
  IssuanceLog(const IssuanceLog&) = delete;
  IssuanceLog& operator=(const IssuanceLog&) = delete;

  [[nodiscard]] tl::expected<void, std::string> append(const AuditRecord& record) override;
  /// Few records can wait: while one does, no certificate is issued.
  void append_eventually(const AuditRecord& record) override;

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

  std::mutex mutex_;
  bool writing_ = false;           ///< guarded by mutex_, as all below; who sets it may use file_
  bool can_write_ = true;          ///< whether the last write could
  std::vector<Waiter*> waiting_;   ///< each lives in the frame of a call to append
  std::vector<std::string> kept_;  ///< happened already and not written yet
  ChainedFile file_;
};

}  // namespace signet
