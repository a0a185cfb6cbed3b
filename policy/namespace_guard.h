#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policy/policy.h"

namespace signet {

/// Why somebody of these groups may not make namespace `ns` what `after` says; nothing where they may. Only the
/// policy's namespaceAdmins may give a namespace a name or labels that make it a tenant's, and change a label that
/// decides. `before`: null where the namespace is new.
[[nodiscard]] std::optional<Finding> refuse_namespace(const Policy& policy, std::string_view ns, const Labels* before,
                                                      const Labels& after, const std::vector<std::string>& groups);

}  // namespace signet
