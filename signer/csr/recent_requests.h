#pragma once

#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "policy/signing_request.h"

namespace signet {

/// How many requests parse_recent_pkcs10 remembers.
inline constexpr std::size_t kRecentRequests = 256;

/// parse_pkcs10, whose answer for the same bytes is always the same, and which one request is put to several times
/// within a moment: at mutation, at validation, at its approval, at signing. The last answers are remembered, with the
/// whole text that they are for. Safe to call from any number of threads.
[[nodiscard]] tl::expected<Pkcs10Facts, std::string> parse_recent_pkcs10(std::string_view pem);

}  // namespace signet
