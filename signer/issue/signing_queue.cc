#include "signer/issue/signing_queue.h"

#include <algorithm>

namespace signet {

SigningQueue::SigningQueue(Options options, Reconcile reconcile)
    : options_(std::move(options)), reconcile_(std::move(reconcile)) {
  workers_.reserve(options_.workers);
  for (std::size_t i = 0; i < options_.workers; ++i) workers_.emplace_back([this] { run(); });
}

void SigningQueue::add(const CertificateSigningRequest& csr) {
  const std::lock_guard lock(mutex_);
  if (stopping_) return;
  const auto item =
      items_
          .try_emplace(csr.name, Item{.next = {},
                                      .due = {},
                                      .since = Clock::now(),
                                      .backoff = Backoff(options_.first_wait, options_.longest_wait, options_.random)})
          .first;
  Item& state = item->second;
  state.gone = false;
  const bool is_waited_with =
      state.due && state.next && state.next->uid == csr.uid && state.next->resource_version == csr.resource_version;
  if (is_waited_with) return;
  state.next = csr;
  if (!state.working) make_ready(item);
}

void SigningQueue::remove(const CertificateSigningRequest& last) {
  const std::lock_guard lock(mutex_);
  const auto item = items_.find(last.name);
  if (item == items_.end()) return;
  Item& state = item->second;
  if (state.working) {
    state.gone = true;
    state.next = last;
  } else if (state.unsettled) {
    state.gone = true;
    state.next = last;
    make_ready(item);
  } else {
    if (state.ready) std::erase(ready_, last.name);
    if (state.due) later_.erase({*state.due, last.name});
    items_.erase(item);
  }
}

void SigningQueue::make_ready(Items::iterator item) {
  Item& state = item->second;
  if (state.due) later_.erase({*state.due, item->first});
  state.due.reset();
  if (state.ready) return;
  state.ready = true;
  ready_.push_back(item->first);
  changed_.notify_one();
}

void SigningQueue::make_later(Items::iterator item, std::optional<std::chrono::seconds> retry_after) {
  Item& state = item->second;
  state.due = Clock::now() + state.backoff.next(retry_after);
  later_.emplace(*state.due, item->first);
  // A worker that waits for a later time must look again.
  changed_.notify_one();
}

void SigningQueue::make_due_ready() {
  const Clock::time_point now = Clock::now();
  while (!later_.empty() && later_.begin()->first <= now) {
    const std::string name = later_.begin()->second;
    make_ready(items_.find(name));
  }
}

void SigningQueue::take_back(Items::iterator item, CertificateSigningRequest csr, const ReconcileResult& result) {
  Item& state = item->second;
  const bool again = result.outcome == ReconcileResult::Outcome::kRetry;
  state.unsettled = result.unsettled;
  if (!again) state.backoff.reset();
  if (state.gone && !state.unsettled) {
    items_.erase(item);
  } else if (state.next) {
    if (!again) state.since = Clock::now();
    make_ready(item);
  } else if (again) {
    state.next = std::move(csr);
    make_later(item, result.retry_after);
  } else {
    items_.erase(item);
  }
}

void SigningQueue::run() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    make_due_ready();
    if (ready_.empty()) {
      if (later_.empty()) {
        changed_.wait(lock);
      } else {
        changed_.wait_until(lock, Clock::time_point(later_.begin()->first));
      }
      continue;
    }
    const auto item = items_.find(ready_.front());
    ready_.pop_front();
    item->second.ready = false;
    item->second.working = true;
    CertificateSigningRequest csr = std::move(*item->second.next);
    item->second.next.reset();
    const Clock::time_point since = item->second.since;
    ++working_;
    lock.unlock();
    const ReconcileResult result = reconcile_(csr, since);
    lock.lock();
    --working_;
    item->second.working = false;
    take_back(item, std::move(csr), result);
  }
}

void SigningQueue::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  for (std::thread& worker : workers_) {
    if (worker.joinable()) worker.join();
  }
}

SigningQueue::Depth SigningQueue::depth() const {
  const std::lock_guard lock(mutex_);
  return {.waiting = ready_.size() + later_.size() +
                     static_cast<std::size_t>(std::ranges::count_if(
                         items_, [](const auto& entry) { return entry.second.working && entry.second.next; })),
          .working = working_};
}

}  // namespace signet
