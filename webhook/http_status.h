#pragma once

#include <string_view>

namespace signet {

// RFC 9110 §15, RFC 6585 §5 for 431; "Other" for what is never answered here.
[[nodiscard]] std::string_view reason_phrase(int status);

}  // namespace signet
