#include "signer/audit/review_log.h"

#include <algorithm>
#include <cstdio>
#include <utility>
#include <vector>

namespace signet {

using Steady = std::chrono::steady_clock;

// How long a line may wait for others to be written with it.
constexpr std::chrono::milliseconds kBatch(50);

tl::expected<std::unique_ptr<ReviewLog>, std::string> ReviewLog::open(const std::string& path, const Limits& limits,
                                                                      AuditClock clock) {
  auto file = ChainedFile::open(path, AuditStream::kReviews, clock);
  if (!file && !file.error().may_pass) return tl::unexpected(file.error().message);
  return std::make_unique<ReviewLog>(file ? std::optional(std::move(*file)) : std::nullopt, path, limits,
                                     std::move(clock));
}

ReviewLog::ReviewLog(std::optional<ChainedFile> file, std::string path, const Limits& limits, AuditClock clock)
    : path_(std::move(path)),
      limits_(limits),
      clock_(std::move(clock)),
      file_(std::move(file)),
      coalescer_(limits.lines),
      thread_([this] { run(); }) {}

ReviewLog::~ReviewLog() { stop(); }

void ReviewLog::record(const AuditRecord& record) {
  const std::string key = ReviewCoalescer::key_of(record);
  bool is_idle = false;
  {
    const std::lock_guard lock(mutex_);
    coalescer_.offer(key, record, Steady::now());
    is_idle = std::exchange(idle_, false);
  }
  // Else it wakes by itself, soon.
  if (is_idle) changed_.notify_one();
}

void ReviewLog::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  if (thread_.joinable()) thread_.join();
}

std::uint64_t ReviewLog::dropped() const {
  const std::lock_guard lock(mutex_);
  return coalescer_.dropped();
}

void ReviewLog::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    const bool last = stopping_;
    const std::vector<ReviewCoalescer::Line> lines = coalescer_.take(Steady::now(), last);
    if (!lines.empty()) {
      lock.unlock();
      write(lines);
      lock.lock();
    }
    if (last) return;
    if (stopping_) continue;
    if (const auto next = coalescer_.next(); !next) {
      idle_ = true;
      changed_.wait(lock, [this] { return !idle_ || stopping_; });
      idle_ = false;
    } else if (*next > Steady::now()) {
      changed_.wait_until(lock, std::min(*next, Steady::now() + kBatch));
    }
  }
}

void ReviewLog::write(const std::vector<ReviewCoalescer::Line>& lines) {
  if (!file_ || file_->is_lost()) open_again();
  if (file_ && path_ != "-" && file_->size() >= limits_.max_file_bytes) begin_new_file();
  std::vector<std::string> members;
  members.reserve(lines.size());
  for (const ReviewCoalescer::Line& line : lines) members.push_back(line.members);
  const ChainedFile::Appended appended = file_ ? file_->append(members) : ChainedFile::Appended{};
  const std::lock_guard lock(mutex_);
  for (std::size_t i = appended.count; i < lines.size(); ++i) coalescer_.put_back(lines[i]);
}

void ReviewLog::open_again() {
  file_.reset();
  if (auto file = ChainedFile::open(path_, AuditStream::kReviews, clock_)) file_.emplace(std::move(*file));
}

void ReviewLog::begin_new_file() {
  // It stands, with its first line, before a name changes: where there is no room for it, the old file goes on.
  const std::string begun = path_ + ".new";
  auto file = ChainedFile::open(begun, AuditStream::kReviews, clock_);
  if (!file || std::rename(path_.c_str(), (path_ + ".1").c_str()) != 0) return;
  if (std::rename(begun.c_str(), path_.c_str()) == 0) file_ = std::move(*file);
}

}  // namespace signet
