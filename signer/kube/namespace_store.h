#pragma once

#include <memory>
#include <shared_mutex>
#include <string>
#include <string_view>

#include "policy/namespace_labels.h"

namespace signet {

// The labels of the namespaces of a cluster, for many who ask and one who writes. Nobody who asks waits for another who
// does, nor for more than a few steps of the writer. Empty at first: nothing is known.
class NamespaceStore final : public NamespaceLabels {
 public:
  using ByName = KnownNamespaces::ByName;

  [[nodiscard]] std::shared_ptr<const Labels> find(std::string_view ns) const override;

  // From now on these are all the namespaces there are.
  void replace(ByName namespaces);
  void put(const std::string& ns, Labels labels);
  void erase(const std::string& ns);

 private:
  mutable std::shared_mutex mutex_;
  ByName namespaces_;  // guarded by mutex_
};

}  // namespace signet
