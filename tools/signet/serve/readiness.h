#pragma once

#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "webhook/webhook_endpoints.h"

namespace signet {

/// What /readyz tells, by name; each part reports its own. Safe for many threads.
class Readiness {
 public:
  /// An empty `problem`: in order.
  void set(std::string_view name, std::string problem) {
    const std::lock_guard lock(mutex_);
    for (ReadinessCheck& check : checks_) {
      if (check.name == name) {
        check.problem = std::move(problem);
      }
    }
  }

  [[nodiscard]] std::vector<ReadinessCheck> checks() const {
    const std::lock_guard lock(mutex_);
    return checks_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<ReadinessCheck> checks_ = {{"ca", "not loaded yet"},
                                         {"api-server", "not reached yet"}};  ///< guarded by mutex_
};

}  // namespace signet
