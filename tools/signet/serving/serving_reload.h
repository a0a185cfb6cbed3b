#pragma once

#include <cstddef>
#include <functional>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>

#include "tools/signet/inputs/look_timer.h"
#include "tools/signet/serving/serving_choice.h"
#include "tools/signet/serving/serving_upkeep.h"

namespace signet {

/// The most that a file of certificates or of a key may hold.
inline constexpr std::size_t kMaxPemBytes = std::size_t{1} << 20;

/// Looks where a serving identity is: what is there, if it is another than at the last look, or if it is `asked` for.
/// Called by one thread.
using ServingLook = std::function<std::optional<ServingTexts>(bool asked)>;

/// Where a serving identity is that others keep.
struct ServingFiles {
  std::string certificate;
  std::string key;
  std::string client_ca{};  ///< of those that clients may show certificates of; empty: none is asked for one
};

[[nodiscard]] ServingLook look_at(const ServingFiles& files);
/// At what `upkeep` keeps, which must outlive it, and the client CAs in a file; empty: none.
[[nodiscard]] ServingLook look_at(ServingUpkeep& upkeep, const std::string& client_ca);

/// Shows the serving identity that a look finds whenever it is another one, on a thread of its own, and logs what came
/// of it.
class ServingReload {
 public:
  /// `in_use`, valid in `period`, is what is shown already. Looks at nothing yet.
  ServingReload(ServingLook look, const TlsIdentity& in_use, const ServingPeriod& period, ServingChoice::Show show);
  ServingReload(const ServingReload&) = delete;
  ServingReload& operator=(const ServingReload&) = delete;
  ~ServingReload() = default;

  /// Looks from now on. Once.
  void start();
  /// Nothing is taken any more.
  void request_stop() { thread_.request_stop(); }

  /// Has it looked at and the outcome logged at once, whether it changed or not.
  void read_now();

  [[nodiscard]] ServingState state() const;

 private:
  void run(const std::stop_token& stop);
  void conclude(const ServingChoice::Outcome& outcome, bool asked);

  const ServingLook look_;
  ServingChoice choice_;  ///< the thread's alone once it runs
  mutable std::mutex mutex_;
  LookTimer timer_;
  ServingState state_;  ///< guarded by mutex_
  std::jthread thread_;
};

}  // namespace signet
