#pragma once

#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "signer/issue/ca_source.h"
#include "signer/issue/ca_states.h"
#include "signer/kube/kube_api.h"
#include "tools/signet/inputs/look_timer.h"

namespace signet {

/// Has CAs read again when they may be others, on a thread of its own: those of files within two seconds, those of
/// Secrets within ten.
class CaReload {
 public:
  /// What is in force.
  using Current = std::function<std::shared_ptr<const CaStates>()>;
  /// Reads these signers' CAs again. Called at each look, for none of them too: time makes CAs valid and invalid.
  using ReadAgain = std::function<void(const std::vector<std::string>& signers)>;

  CaReload() = default;
  CaReload(const CaReload&) = delete;
  CaReload& operator=(const CaReload&) = delete;
  /// Waits for the look that is under way.
  ~CaReload() = default;

  /// Watches from now on. The functions are called by the thread alone; `source` and `api` must outlive it. Once.
  void start(const CaSource& source, KubeApi& api, Current current, ReadAgain read_again);
  /// No further look is begun.
  void request_stop() { thread_.request_stop(); }

  /// Has all of them read at once.
  void read_now();

 private:
  LookTimer timer_;
  std::jthread thread_;
};

}  // namespace signet
