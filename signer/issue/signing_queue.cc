#include "signer/issue/signing_queue.h"

#include <algorithm>

namespace signet {

// How soon after a request that the log could not be written for the same is tried again: such a try costs nothing.
constexpr Backoff::Duration kLogPatience{1000};

SigningQueue::SigningQueue(Options options, Reconcile reconcile)
    : options_(std::move(options)), reconcile_(std::move(reconcile)) {
  workers_.reserve(options_.workers);
  for (std::size_t i = 0; i < options_.workers; ++i) workers_.emplace_back([this] { run(); });
}

void SigningQueue::add(const CertificateSigningRequest& csr) {
  const std::lock_guard lock(mutex_);
  if (stopping_) return;
  const auto [item, is_new] = items_.try_emplace(
      csr.name, Item{.next = {},
                     .due = {},
                     .since = Clock::now(),
                     .flow = {},
                     .backoff = Backoff(options_.first_wait, options_.longest_wait, options_.random)});
  Item& state = item->second;
  if (is_new && options_.flow_of) state.flow = options_.flow_of(csr);
  state.gone = false;
  const bool is_waited_with = state.due && state.next && state.next->is_of(csr);
  if (is_waited_with) return;
  set_next(state, csr);
  if (!state.working) make_ready(item);
}

void SigningQueue::note(const CertificateSigningRequest& csr) {
  const std::lock_guard lock(mutex_);
  const auto item = items_.find(csr.name);
  if (item == items_.end()) return;
  Item& state = item->second;
  state.gone = false;
  set_next(state, csr);
  state.next_is_idle = true;
  if (!state.working) make_ready(item);
}

void SigningQueue::remove(const CertificateSigningRequest& last) {
  const std::lock_guard lock(mutex_);
  const auto item = items_.find(last.name);
  if (item == items_.end()) return;
  Item& state = item->second;
  if (!state.working && !state.unsettled) {
    forget(item);
    return;
  }
  state.gone = true;
  set_next(state, last);
  if (!state.working) make_ready(item);
}

void SigningQueue::clear() {
  const std::lock_guard lock(mutex_);
  for (auto next = items_.begin(); next != items_.end();) {
    const auto item = next++;
    item->second.gone = true;
    if (!item->second.working && !item->second.unsettled) forget(item);
  }
}

void SigningQueue::set_next(Item& item, const CertificateSigningRequest& csr) {
  if (!item.next) ++waiting_;
  item.next.emplace(csr);
  item.next_is_idle = false;
}

void SigningQueue::forget(Items::iterator item) {
  Item& state = item->second;
  if (state.next) --waiting_;
  if (state.due) later_.erase({*state.due, item->first});
  if (state.ready) {
    const auto flow = flows_.find(state.flow);
    flow->second.ready.erase(state.place);
    arrange(flow);
  }
  items_.erase(item);
}

void SigningQueue::make_ready(Items::iterator item) {
  Item& state = item->second;
  if (state.due) later_.erase({*state.due, item->first});
  state.due.reset();
  if (state.ready) return;
  state.place = ++last_place_;
  enter_flow(item);
}

void SigningQueue::make_later(Items::iterator item, const ReconcileResult& result) {
  Item& state = item->second;
  const Clock::duration wait =
      result.awaits_log ? kLogPatience
                        : state.backoff.next(result.retry_after, result.transient ? options_.longest_transient_wait
                                                                                  : options_.longest_wait);
  const auto share = Clock::duration(std::chrono::seconds(1)) * later_.size() / options_.most_tries_per_second;
  state.due = Clock::now() + std::max<Clock::duration>(wait, share);
  later_.emplace(*state.due, item->first);
}

void SigningQueue::enter_flow(Items::iterator item) {
  item->second.ready = true;
  const auto flow = flow_named(item->second.flow);
  flow->second.ready.emplace(item->second.place, item);
  arrange(flow);
}

SigningQueue::Flows::iterator SigningQueue::flow_named(const std::string& name) {
  return flows_.try_emplace(name, Flow{.ready = {}, .most_working = options_.workers, .until = {}, .turn = {}}).first;
}

// After any change of a flow: has it stand in turns_ if it must, and forgets one that nothing is left of.
void SigningQueue::arrange(Flows::iterator flow) {
  Flow& state = flow->second;
  const bool may_work = !state.paused && !state.ready.empty() && state.working < state.most_working;
  if (may_work && !state.turn) {
    state.turn = ++last_turn_;
    turns_.emplace(*state.turn, flow);
    changed_.notify_one();
  } else if (!may_work && state.turn) {
    turns_.erase(*state.turn);
    state.turn.reset();
  }
  if (state.ready.empty() && state.working == 0 && !state.until) flows_.erase(flow);
}

void SigningQueue::pause(const ReconcileResult::Throttled& throttled, const std::string& message) {
  const auto flow = flow_named(throttled.tenant);
  Flow& state = flow->second;
  if (!state.until) to_tell_.emplace_back(flow->first, message);
  set_until(flow, Clock::now() + std::chrono::ceil<Clock::duration>(throttled.wait));
  state.paused = true;
  state.most_working = 1;
  arrange(flow);
}

void SigningQueue::set_until(Flows::iterator flow, std::optional<Clock::time_point> until) {
  if (flow->second.until) throttled_.erase({*flow->second.until, flow->first});
  flow->second.until = until;
  if (until) throttled_.emplace(*until, flow->first);
}

void SigningQueue::keep_time() {
  const Clock::time_point now = Clock::now();
  while (!later_.empty() && later_.begin()->first <= now) {
    const std::string name = later_.begin()->second;
    make_ready(items_.find(name));
  }
  while (!throttled_.empty() && throttled_.begin()->first <= now) {
    const auto flow = flows_.find(throttled_.begin()->second);
    Flow& state = flow->second;
    if (state.paused) {
      state.paused = false;
      set_until(flow, now + options_.calm);
    } else {
      set_until(flow, std::nullopt);
      state.most_working = options_.workers;
      to_tell_.emplace_back(flow->first, std::string());
    }
    arrange(flow);
  }
}

void SigningQueue::take_back(Items::iterator item, const CertificateSigningRequest& csr,
                             const ReconcileResult& result) {
  Item& state = item->second;
  const bool again = result.outcome == ReconcileResult::Outcome::kRetry;
  state.unsettled = result.unsettled;
  // What became of a certificate must be known soon, whether or not its tenant may have another.
  if (state.unsettled) state.flow.clear();
  if (!again) state.backoff.reset();
  if (state.gone && !state.unsettled) {
    forget(item);
  } else if (result.throttled) {
    if (!state.next) set_next(state, csr);
    state.flow = result.throttled->tenant;
    enter_flow(item);
  } else if (state.next && (again || !state.next_is_idle)) {
    if (!again) state.since = Clock::now();
    make_ready(item);
  } else if (again) {
    set_next(state, csr);
    make_later(item, result);
  } else {
    forget(item);
  }
}

void SigningQueue::work(std::unique_lock<std::mutex>& lock) {
  const auto flow = turns_.begin()->second;
  Flow& flow_state = flow->second;
  turns_.erase(turns_.begin());
  flow_state.turn.reset();
  const auto item = flow_state.ready.begin()->second;
  flow_state.ready.erase(flow_state.ready.begin());
  ++flow_state.working;
  arrange(flow);

  Item& state = item->second;
  state.ready = false;
  state.working = true;
  const PackedRequest packed = *std::exchange(state.next, std::nullopt);
  --waiting_;
  ++working_;
  const Clock::time_point since = state.since;
  // Somebody else must take what is ready, or keep the time, meanwhile; where there is neither, nobody is woken.
  if (!turns_.empty() || !later_.empty() || !throttled_.empty()) changed_.notify_one();
  lock.unlock();
  const CertificateSigningRequest csr = packed.unpack();
  const ReconcileResult result = reconcile_(csr, since);
  lock.lock();
  --working_;
  state.working = false;
  if (result.throttled) {
    pause(*result.throttled, result.message);
  } else if (!flow_state.paused && flow_state.most_working < options_.workers) {
    ++flow_state.most_working;
  }
  take_back(item, csr, result);
  --flow_state.working;
  arrange(flow);
}

void SigningQueue::wait(std::unique_lock<std::mutex>& lock) {
  auto until = Clock::time_point::max();
  for (const Times* times : {&later_, &throttled_}) {
    if (!times->empty()) until = std::min(until, times->begin()->first);
  }
  if (until == Clock::time_point::max()) {
    changed_.wait(lock);
  } else {
    changed_.wait_until(lock, until);
  }
}

void SigningQueue::tell(std::unique_lock<std::mutex>& lock) {
  const auto to_tell = std::exchange(to_tell_, {});
  lock.unlock();
  for (const auto& [flow, message] : to_tell) {
    if (options_.on_throttled) options_.on_throttled(flow, message);
  }
  lock.lock();
}

void SigningQueue::run() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    keep_time();
    if (!to_tell_.empty()) {
      tell(lock);
    } else if (turns_.empty()) {
      wait(lock);
    } else {
      work(lock);
    }
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
  return {.waiting = waiting_, .working = working_};
}

}  // namespace signet
