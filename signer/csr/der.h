#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

namespace signet {

/// One value of DER (X.690): its identifier octet, its contents and all of its encoding. Views into what was read.
struct Tlv {
  std::uint8_t tag = 0;
  std::string_view content;
  std::string_view encoding;
};

/// Takes the first value off `bytes`. Nothing, and `bytes` as it was, where it is cut short, its length is indefinite
/// or not in the shortest form, or its tag number is above 30, which nothing in X.509 has.
[[nodiscard]] std::optional<Tlv> take_tlv(std::string_view& bytes);

/// Whether `bytes` are exactly one value in DER, all the way down: X.690 §8.1 with §10.1 (lengths), §10.2 (strings are
/// primitive), §8.2 and §11.1 (BOOLEAN), §8.3 (INTEGER), §11.2.1 (BIT STRING), §8.19 (OBJECT IDENTIFIER). Depth and
/// identifiers are bounded. The contents of OCTET STRING and BIT STRING are opaque: whoever looks into them checks
/// them. The order of a SET OF is not checked. To be called before OpenSSL decodes, which takes BER and, asked to
/// encode what it decoded, gives the same BER back. The error reads `DER byte N: rule`.
[[nodiscard]] tl::expected<void, std::string> check_der(std::string_view bytes);

}  // namespace signet
