#pragma once

#include <functional>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "signer/issue/ca_source.h"
#include "signer/issue/ca_states.h"
#include "signer/kube/kube_api.h"

namespace signet {

/// Sees which signers' CAs may be others than before: of files by FileStamp, of Secrets by their resourceVersion, for
/// which no key travels. Not for use from several threads.
class CaWatch {
 public:
  /// Both must outlive the watch.
  CaWatch(const CaSource& source, KubeApi& api) : source_(source), api_(api) {}

  /// Of the signers of `cas` those whose source or record is another than when they were last told; all of them the
  /// first time. Files are told when they were the same at two looks, so that none is read that is only half written.
  /// An API server that cannot be asked has nothing new.
  [[nodiscard]] std::vector<std::string> look(const CaStates& cas, const std::stop_token& stop);

 private:
  // Nothing: it cannot be known now.
  [[nodiscard]] std::optional<std::string> mark_of(const std::string& signer, const std::string& secret_name) const;

  struct Marks {
    std::optional<std::string> seen;
    std::optional<std::string> told;
  };

  const CaSource& source_;
  KubeApi& api_;
  std::map<std::string, Marks, std::less<>> marks_;
};

}  // namespace signet
