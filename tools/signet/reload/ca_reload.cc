#include "tools/signet/reload/ca_reload.h"

#include <chrono>
#include <utility>

#include "tools/signet/reload/ca_watch.h"

namespace signet {
namespace {

// A file is read when it was the same at two looks.
constexpr std::chrono::milliseconds kBetweenLooksAtFiles{1000};
// Each looks at two Secrets for each signer, in the API server's cache.
constexpr std::chrono::milliseconds kBetweenLooksAtSecrets{10'000};

}  // namespace

void CaReload::start(const CaSource& source, KubeApi& api, Current current, ReadAgain read_again) {
  thread_ = std::jthread([this, &source, &api, current = std::move(current),
                          read_again = std::move(read_again)](const std::stop_token& stop) {
    CaWatch watch(source, api);
    const auto pause = source.name_space.empty() ? kBetweenLooksAtFiles : kBetweenLooksAtSecrets;
    while (true) {
      const bool asked = timer_.wait(pause, stop);
      if (stop.stop_requested()) {
        return;
      }
      const std::shared_ptr<const CaStates> cas = current();
      std::vector<std::string> signers = watch.look(*cas, stop);
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
