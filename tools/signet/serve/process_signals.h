#pragma once

#include <pthread.h>

#include <chrono>
#include <csignal>
#include <ctime>

namespace signet {

/// The signals that a server lives by: blocked in every thread that is started later, and taken by the one that waits.
class ProcessSignals {
 public:
  enum class Signal { kTerminate, kReload };

  ProcessSignals() {
    sigemptyset(&set_);
    sigaddset(&set_, SIGTERM);
    sigaddset(&set_, SIGINT);
    sigaddset(&set_, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &set_, nullptr);
  }

  [[nodiscard]] Signal wait() const {
    int signal = 0;
    while (sigwait(&set_, &signal) != 0) {
    }
    return signal == SIGHUP ? Signal::kReload : Signal::kTerminate;
  }

  /// True when the process is to end; false after `duration`, or at SIGHUP, which asks for another attempt.
  [[nodiscard]] bool is_ended_within(std::chrono::milliseconds duration) const {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(duration);
    const timespec timeout{.tv_sec = seconds.count(), .tv_nsec = std::chrono::nanoseconds(duration - seconds).count()};
    const int signal = sigtimedwait(&set_, nullptr, &timeout);
    return signal == SIGTERM || signal == SIGINT;
  }

 private:
  sigset_t set_{};
};

}  // namespace signet
