#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "signer/kube/base64.h"

namespace signet::fuzz {

// What begins like PEM as it is, anything else as the DER inside one block of `label`: few changes to base64 leave
// anything to be read.
inline std::string as_pem(std::string_view input, const std::string& label) {
  if (input.starts_with("-----")) {
    return std::string(input);
  }
  constexpr std::size_t kLineSize = 64;
  const std::string base64 = base64_encode(input);
  std::string text = "-----BEGIN " + label + "-----\n";
  for (std::size_t at = 0; at < base64.size(); at += kLineSize) {
    text += base64.substr(at, kLineSize) + "\n";
  }
  return text + "-----END " + label + "-----\n";
}

}  // namespace signet::fuzz
