#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "policy/policy.h"

namespace signet {

/// Why the proxies of `tenant` (null: of nobody's namespace) may not be configured with this variable; nothing where
/// they may: it is not locked, or has one of the values that it may have. `value`: nothing where it cannot be told.
/// `place` is where in the object it was set.
[[nodiscard]] std::optional<Finding> refuse_variable(const Policy& policy, const PolicyModel::Tenant* tenant,
                                                     std::string_view name, std::optional<std::string_view> value,
                                                     const std::string& place);

}  // namespace signet
