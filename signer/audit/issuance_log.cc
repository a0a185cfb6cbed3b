#include "signer/audit/issuance_log.h"

#include <utility>

namespace signet {

tl::expected<std::unique_ptr<IssuanceLog>, std::string> IssuanceLog::open(const std::string& path, AuditClock clock) {
  auto file = ChainedFile::open(path, AuditStream::kIssuance, std::move(clock));
  if (!file) return tl::unexpected(file.error());
  return std::make_unique<IssuanceLog>(std::move(*file));
}

IssuanceLog::~IssuanceLog() {
  if (!kept_.empty()) static_cast<void>(file_.append(kept_));
}

tl::expected<void, std::string> IssuanceLog::append(const AuditRecord& record) {
  Waiter self{.members = audit_members(record), .keep = false, .done = false, .error = {}};
  commit(self);
  if (!self.error.empty()) return tl::unexpected(self.error);
  return {};
}

void IssuanceLog::append_eventually(const AuditRecord& record) {
  Waiter self{.members = audit_members(record), .keep = true, .done = false, .error = {}};
  commit(self);
}

void IssuanceLog::commit(Waiter& self) {
  std::unique_lock lock(mutex_);
  waiting_.push_back(&self);
  changed_.wait(lock, [&] { return self.done || !writing_; });
  if (self.done) return;

  writing_ = true;
  const std::vector<Waiter*> batch = std::exchange(waiting_, {});
  lock.unlock();
  std::vector<std::string> members = std::exchange(kept_, {});
  const std::size_t first_of_batch = members.size();
  for (Waiter* const waiter : batch) members.push_back(std::move(waiter->members));
  ChainedFile::Appended appended = file_.append(members);
  for (std::size_t i = appended.count; i < members.size(); ++i) {
    if (i < first_of_batch || batch[i - first_of_batch]->keep) {
      kept_.push_back(std::move(members[i]));
    } else {
      batch[i - first_of_batch]->error = appended.error;
    }
  }
  lock.lock();
  writing_ = false;
  for (Waiter* const waiter : batch) waiter->done = true;
  lock.unlock();
  changed_.notify_all();
}

}  // namespace signet
