#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace signet {

/// Labels of a Kubernetes object, by key.
using Labels = std::map<std::string, std::string, std::less<>>;

/// What is known of the namespaces of a cluster. Safe for many threads.
class NamespaceLabels {
 public:
  NamespaceLabels() = default;
  virtual ~NamespaceLabels() = default;

  /// The labels of namespace `ns` as they are now; null where they are not known, because there is no such namespace or
  /// because not all have been seen yet.
  [[nodiscard]] virtual std::shared_ptr<const Labels> find(std::string_view ns) const = 0;
};

/// Namespaces that were told once, such as those of a file; by default none.
class KnownNamespaces final : public NamespaceLabels {
 public:
  using ByName = std::map<std::string, std::shared_ptr<const Labels>, std::less<>>;

  KnownNamespaces() = default;
  explicit KnownNamespaces(ByName namespaces) : namespaces_(std::move(namespaces)) {}

  [[nodiscard]] std::shared_ptr<const Labels> find(std::string_view ns) const override {
    const auto found = namespaces_.find(ns);
    return found == namespaces_.end() ? nullptr : found->second;
  }

  [[nodiscard]] const ByName& all() const { return namespaces_; }

 private:
  ByName namespaces_;
};

}  // namespace signet
