#pragma once

#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "policy/signing_request.h"

namespace signet::test {

/// "URI", "DNS", "IP", "email" or "other".
std::string_view to_text(SubjectAltName::Type type);

/// "verified", "failed" or "unchecked".
std::string_view to_text(Pkcs10Facts::Signature signature);

/// Facts on one line, for tables: "RSA-2048 verified san=1 URI:spiffe://… usages=[server auth] other=[1.2.3] ca". A key
/// that no policy can allow stands in brackets; what is empty is left out. An error reads "error: …".
std::string to_text(const tl::expected<Pkcs10Facts, std::string>& facts);

}  // namespace signet::test
