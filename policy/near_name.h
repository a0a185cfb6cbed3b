#pragma once

#include <optional>
#include <span>
#include <string_view>

namespace signet {

/// The one of `known` that somebody who wrote `written` most likely meant: upper and lower case aside, one letter in
/// every three begun, and two in all, may be wrong, missing, too many or swapped with its neighbour. Of equally near
/// ones the first; nothing where none is near.
[[nodiscard]] std::optional<std::string_view> near_name(std::string_view written,
                                                        std::span<const std::string_view> known);

}  // namespace signet
