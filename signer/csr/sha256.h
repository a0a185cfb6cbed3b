#pragma once

#include <string>
#include <string_view>

namespace signet {

/// SHA-256 (FIPS 180-4) in lower-case hexadecimal: how keys, certificates, policies and audit lines are named.
[[nodiscard]] std::string sha256_hex(std::string_view bytes);

}  // namespace signet
