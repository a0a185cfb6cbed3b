#include "tools/signet/reload/ca_reload.h"

#include <algorithm>
#include <chrono>
#include <ctime>
#include <utility>

#include "tools/signet/reload/ca_watch.h"

namespace signet {
namespace {

// A file is read when it was the same at two looks.
constexpr std::chrono::milliseconds kBetweenLooksAtFiles{1000};
// Each looks at two Secrets for each signer, in the API server's cache.
constexpr std::chrono::milliseconds kBetweenLooksAtSecrets{10'000};
// A look takes the longer the more CAs there are: of a core looking may have a fiftieth.
constexpr int kPausePerLook = 50;

// What this thread has used of a processor so far.
std::chrono::nanoseconds used_by_thread() {
  timespec used{};
  static_cast<void>(::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used));
  return std::chrono::seconds(used.tv_sec) + std::chrono::nanoseconds(used.tv_nsec);
}

}  // namespace

void CaReload::start(const CaSource& source, KubeApi& api, Current current, ReadAgain read_again) {
  thread_ = std::jthread([this, &source, &api, current = std::move(current),
                          read_again = std::move(read_again)](const std::stop_token& stop) {
    CaWatch watch(source, api);
    const auto least = source.name_space.empty() ? kBetweenLooksAtFiles : kBetweenLooksAtSecrets;
    auto pause = least;
    while (true) {
      const bool asked = timer_.wait(pause, stop);
      if (stop.stop_requested()) {
        return;
      }
      const std::shared_ptr<const CaStates> cas = current();
      const auto used_before = used_by_thread();
      std::vector<std::string> signers = watch.look(*cas, stop);
      pause = std::max(least,
                       std::chrono::ceil<std::chrono::milliseconds>(kPausePerLook * (used_by_thread() - used_before)));
      if (asked) {
        signers.clear();
        for (const auto& [signer, state] : *cas) {
          signers.push_back(signer);
        }
      }
      read_again(signers);
    }
  });
}

void CaReload::read_now() { timer_.look_now(); }

}  // namespace signet
