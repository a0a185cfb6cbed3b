#include "signer/kube/namespace_store.h"

#include <mutex>
#include <utility>

namespace signet {

std::shared_ptr<const Labels> NamespaceStore::find(std::string_view ns) const {
  const std::shared_lock lock(mutex_);
  const auto found = namespaces_.find(ns);
  return found == namespaces_.end() ? nullptr : found->second;
}

void NamespaceStore::replace(ByName namespaces) {
  // What was there is freed with the parameter, after the lock.
  const std::lock_guard lock(mutex_);
  namespaces_.swap(namespaces);
}

void NamespaceStore::put(const std::string& ns, Labels labels) {
  auto shared = std::make_shared<const Labels>(std::move(labels));
  const std::lock_guard lock(mutex_);
  namespaces_[ns].swap(shared);
}

void NamespaceStore::erase(const std::string& ns) {
  ByName::node_type erased;
  const std::lock_guard lock(mutex_);
  erased = namespaces_.extract(ns);
}

}  // namespace signet
