#include "policy/near_name.h"

#include <array>
#include <catch2/catch.hpp>

namespace signet {
namespace {

TEST_CASE("The name that was meant is the nearest known one, if any is near") {
  constexpr std::array<std::string_view, 7> kKnown = {"name",     "tenants",     "signers", "signerDomain",
                                                      "dnsNames", "server auth", "keys"};
  const auto [written, expected] = GENERATE(table<std::string, std::string>({
      {"tenats", "tenants"},             // missing
      {"tennants", "tenants"},           // too many
      {"tenamts", "tenants"},            // another
      {"tneants", "tenants"},            // swapped
      {"tnenats", "tenants"},            // swapped twice
      {"TENANTS", "tenants"},            // case
      {"signer", "signers"},             // one from signers, six from signerDomain
      {"signerdomian", "signerDomain"},  // case, and swapped
      {"serverAuth", "server auth"},
      {"server-auth", "server auth"},
      {"key", "keys"},
      {"nam", "name"},
      {"kes", "keys"},
      {"nmae", "name"},
      {"tenxxxs", ""},
      {"xxys", "keys"},  // two of four letters
      {"xxx", ""},
      {"xys", ""},  // of three letters, one may be wrong
      {"ab", ""},
      {"", ""},
      {"something else altogether", ""},
  }));
  CAPTURE(written);
  CHECK(near_name(written, kKnown).value_or("") == expected);
}

TEST_CASE("Of equally near names the first is meant, and an equal one before all") {
  constexpr std::array<std::string_view, 3> kKnown = {"RSA-2047", "RSA-2049", "RSA-2048"};
  CHECK(near_name("RSA-2040", kKnown) == "RSA-2047");
  CHECK(near_name("RSA-2048", kKnown) == "RSA-2048");
}

}  // namespace
}  // namespace signet
