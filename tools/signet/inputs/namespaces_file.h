#pragma once

#include <cstddef>
#include <memory>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "policy/namespace_labels.h"
#include "policy/policy_problem.h"

namespace signet {

/// The largest file of namespaces that is read: 10,000 of them, as kubectl prints them, take 10 MiB.
inline constexpr std::size_t kMaxNamespacesBytes = std::size_t{32} << 20;

/// The namespaces of `text`, YAML or JSON as `kubectl get namespaces -o yaml` or `-o json` prints them: a Namespace, a
/// List or NamespaceList of them, or several such documents. Of each, metadata.name and metadata.labels are read;
/// kubernetes.io/metadata.name, which the API server gives every namespace, need not be among them. A label that a
/// reader of YAML may take for something other than a text is a problem, and so is a namespace that comes twice. `file`
/// is what problems call it. Either the namespaces, or every problem that could be found, in the order of their places.
[[nodiscard]] tl::expected<std::shared_ptr<const KnownNamespaces>, std::vector<PolicyProblem>> load_namespaces(
    std::string_view text, std::string_view file);

}  // namespace signet
