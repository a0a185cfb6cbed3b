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

  /// Tries a last time to write what append_eventually kept. No thread may be in a call.
  ~IssuanceLog() override;
  IssuanceLog(const IssuanceLog&) = delete;
  IssuanceLog& operator=(const IssuanceLog&) = delete;

  [[nodiscard]] tl::expected<void, std::string> append(const AuditRecord& record) override;
  /// Few records can wait: while one does, no certificate is issued.
  void append_eventually(const AuditRecord& record) override;

 private:
  struct Waiter {
    std::string members;
    bool keep = false;
    bool done = false;
    std::string error;
  };

  /// Returns with `self` done. The first thread to come writes for all that come while it waits for the disk.
  void commit(Waiter& self);

  std::mutex mutex_;
  std::condition_variable changed_;
  bool writing_ = false;           ///< guarded by mutex_
  std::vector<Waiter*> waiting_;   ///< guarded by mutex_; each lives in the frame of a call to commit
  std::vector<std::string> kept_;  ///< belongs to the thread that set writing_
  ChainedFile file_;               ///< belongs to the thread that set writing_
};

}  // namespace signet
