#include "signer/audit/issuance_log.h"

#include <chrono>
#include <iterator>
#include <utility>

namespace signet {

// Between two looks at a log that cannot be written.
constexpr std::chrono::seconds kBetweenLooks{1};

tl::expected<std::unique_ptr<IssuanceLog>, std::string> IssuanceLog::open(const std::string& path, AuditClock clock,
                                                                          OnChange on_change) {
  auto file = ChainedFile::open(path, AuditStream::kIssuance, clock);
  if (!file && !file.error().may_pass) return tl::unexpected(file.error().message);
  return std::make_unique<IssuanceLog>(
      std::move(file).map_error([](const ChainedFile::OpenProblem& problem) { return problem.message; }), path,
      std::move(clock), std::move(on_change));
}

IssuanceLog::IssuanceLog(tl::expected<ChainedFile, std::string> file, std::string path, AuditClock clock,
                         OnChange on_change)
    : path_(std::move(path)), clock_(std::move(clock)), on_change_(std::move(on_change)) {
  if (file) {
    file_.emplace(std::move(*file));
  } else {
    set_problem(file.error());
  }
  looking_ = std::thread([this] { look_again_and_again(); });
}

IssuanceLog::~IssuanceLog() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  look_.notify_one();
  looking_.join();
  if (file_) static_cast<void>(file_->append(kept_));
}

std::string IssuanceLog::problem() const {
  const std::lock_guard lock(mutex_);
  return problem_;
}

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
  const std::string not_open = problem_;
  for (Waiter* const waiter : batch) members.push_back(std::move(waiter->members));
  lock.unlock();
  const auto durable = batch.empty() ? ChainedFile::Durable::kWithTheNext : ChainedFile::Durable::kNow;
  const ChainedFile::Appended appended = file_ ? file_->append(members, durable) : ChainedFile::Appended{0, not_open};
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
  // A line that finds the last room there is does not tell that there is more; only a look does.
  if (!appended.error.empty()) set_problem(appended.error);
}

void IssuanceLog::set_problem(std::string problem) {
  const bool changes = problem.empty() != problem_.empty();
  problem_ = std::move(problem);
  if (!changes) return;
  if (on_change_) on_change_(problem_);
  look_.notify_one();
}

void IssuanceLog::look_again_and_again() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    if (problem_.empty()) {
      look_.wait(lock);
      continue;
    }
    if (look_.wait_for(lock, kBetweenLooks, [this] { return stopping_; })) return;
    if (writing_ || problem_.empty()) continue;
    writing_ = true;
    lock.unlock();
    std::string found = look_again();
    lock.lock();
    set_problem(std::move(found));
    write_until_nothing_is_kept(lock);
  }
}

std::string IssuanceLog::look_again() {
  if (file_) {
    const auto probed = file_->probe();
    if (probed) return {};
    if (!file_->is_lost()) return probed.error();
    file_.reset();  // or its lock would keep us from opening it
  }
  auto opened = ChainedFile::open(path_, AuditStream::kIssuance, clock_);
  if (!opened) return opened.error().message;
  file_.emplace(std::move(*opened));
  return {};
}

void IssuanceLog::write_until_nothing_is_kept(std::unique_lock<std::mutex>& lock) {
  // While somebody waits, he does; where nothing can be written, the next who comes tries again.
  while (!kept_.empty() && waiting_.empty() && problem_.empty()) write(lock);
  writing_ = false;
  if (!waiting_.empty()) waiting_.front()->woken.notify_one();
}

}  // namespace signet
