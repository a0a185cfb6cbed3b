#include "signer/audit/issuance_log.h"

#include <iterator>
#include <utility>

namespace signet {

tl::expected<std::unique_ptr<IssuanceLog>, std::string> IssuanceLog::open(const std::string& path, AuditClock clock) {
  auto file = ChainedFile::open(path, AuditStream::kIssuance, std::move(clock));
  if (!file) return tl::unexpected(file.error());
  return std::make_unique<IssuanceLog>(std::move(*file));
}

IssuanceLog::~IssuanceLog() { static_cast<void>(file_.append(kept_)); }

tl::expected<void, std::string> IssuanceLog::append(const AuditRecord& record) {
  Waiter self;
  self.members = audit_members(record);
  std::unique_lock lock(mutex_);
  waiting_.push_back(&self);
  self.woken.wait(lock, [&] { return self.done || !writing_; });
  if (!self.done) {
    // The first to come writes for all that come while it waits for the disk.
    writing_ = true;
    write(lock);
    write_until_nothing_is_kept(lock);
  }
  if (!self.error.empty()) return tl::unexpected(self.error);
  return {};
}

void IssuanceLog::append_eventually(const AuditRecord& record) {
  std::string members = audit_members(record);
  std::unique_lock lock(mutex_);
  kept_.push_back(std::move(members));
  if (writing_) return;  // and who does comes back for it
  writing_ = true;
  write(lock);
  write_until_nothing_is_kept(lock);
}

void IssuanceLog::write(std::unique_lock<std::mutex>& lock) {
  std::vector<std::string> members = std::exchange(kept_, {});
  const std::vector<Waiter*> batch = std::exchange(waiting_, {});
  const std::size_t first_of_batch = members.size();
  for (Waiter* const waiter : batch) members.push_back(std::move(waiter->members));
  lock.unlock();
  const ChainedFile::Appended appended =
      file_.append(members, batch.empty() ? ChainedFile::Durable::kWithTheNext : ChainedFile::Durable::kNow);
  lock.lock();
  std::vector<std::string> still_kept;
  for (std::size_t i = appended.count; i < members.size(); ++i) {
    if (i < first_of_batch) {
      still_kept.push_back(std::move(members[i]));
    } else {
      batch[i - first_of_batch]->error = appended.error;
    }
  }
  // Before what was kept meanwhile.
  kept_.insert(kept_.begin(), std::make_move_iterator(still_kept.begin()), std::make_move_iterator(still_kept.end()));
  for (Waiter* const waiter : batch) {
    waiter->done = true;
    waiter->woken.notify_one();
  }
  can_write_ = appended.error.empty();
}

void IssuanceLog::write_until_nothing_is_kept(std::unique_lock<std::mutex>& lock) {
  // While somebody waits, he does; where nothing can be written, the next who comes tries again.
  while (!kept_.empty() && waiting_.empty() && can_write_) write(lock);
  writing_ = false;
  if (!waiting_.empty()) waiting_.front()->woken.notify_one();
}

}  // namespace signet
