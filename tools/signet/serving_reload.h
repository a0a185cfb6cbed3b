#pragma once

#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>

#include "tools/signet/serving_choice.h"

namespace signet {

/// The most that a file of certificates or of a key may hold.
inline constexpr std::size_t kMaxPemBytes = std::size_t{1} << 20;

/// Where the serving identity is.
struct ServingFiles {
  std::string certificate;
  std::string key;
  std::string client_ca{};  ///< of those that clients may show certificates of; empty: none is asked for one
};

/// Shows the serving identity that its files hold whenever it is another one, on a thread of its own, and logs what
/// came of it.
class ServingReload {
 public:
  /// `in_use`, valid in `period`, is what is shown already. Watches nothing yet.
  ServingReload(ServingFiles files, const TlsIdentity& in_use, const ServingPeriod& period, ServingChoice::Show show);
  ServingReload(const ServingReload&) = delete;
  ServingReload& operator=(const ServingReload&) = delete;
  ~ServingReload() = default;

  /// Watches from now on. Once.
  void start();
  /// Nothing is taken any more.
  void request_stop() { thread_.request_stop(); }

  /// Has the files read and their outcome logged at once, whether they changed or not.
  void read_now();

  [[nodiscard]] ServingState state() const;

 private:
  void run(const std::stop_token& stop);
  void conclude(const ServingChoice::Outcome& outcome, bool asked);

  const ServingFiles files_;
  ServingChoice choice_;  ///< the thread's alone once it runs
  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  bool asked_ = false;  ///< guarded by mutex_
  ServingState state_;  ///< guarded by mutex_
  std::jthread thread_;
};

}  // namespace signet
