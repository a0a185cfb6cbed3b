#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace signet::fuzz {

// Three ways in which the same bytes can arrive: in one piece, byte by byte, and cut at places that the bytes
// themselves decide, so that an input always is cut alike.
inline std::vector<std::vector<std::string_view>> splits(std::string_view bytes) {
  std::vector<std::vector<std::string_view>> ways(3);
  ways[0] = {bytes};
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    ways[1].push_back(bytes.substr(at, 1));
  }
  constexpr std::uint32_t kLongestPiece = 40;
  std::uint32_t state = 1;
  for (std::string_view rest = bytes; !rest.empty();) {
    state = state * 1'664'525U + 1'013'904'223U + static_cast<unsigned char>(rest.front());
    const std::string_view piece = rest.substr(0, 1 + (state >> 16U) % kLongestPiece);
    ways[2].push_back(piece);
    rest.remove_prefix(piece.size());
  }
  return ways;
}

}  // namespace signet::fuzz
