#pragma once

#include <string>
#include <string_view>

namespace signet {

// A request that the front answers itself. The texts are fixed: nothing of the request comes back to who sent it.
struct HttpRefusal {
  int status = 400;
  std::string_view rule;
  // The method for the Allow header, which RFC 9110 §15.5.6 wants with a 405; else empty.
  std::string_view allow = {};
};

// The whole answer, `Connection: close` in it: after a refusal the bytes that follow mean nothing certain.
[[nodiscard]] std::string refusal_text(const HttpRefusal& refusal);

}  // namespace signet
