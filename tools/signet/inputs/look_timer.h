#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <stop_token>
#include <utility>

namespace signet {

/// What a thread that looks again and again waits on, so that it can be asked to look at once.
class LookTimer {
 public:
  /// Ends the wait under way, or the next.
  void look_now() {
    const std::lock_guard lock(mutex_);
    asked_ = true;
    changed_.notify_all();
  }

  /// Waits for `pause`, until it is asked, or stopped. Whether it was asked.
  [[nodiscard]] bool wait(std::chrono::milliseconds pause, const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, stop, pause, [this] { return asked_; });
    return std::exchange(asked_, false);
  }

 private:
  std::mutex mutex_;
  std::condition_variable_any changed_;
  bool asked_ = false;  ///< guarded by mutex_
};

}  // namespace signet
