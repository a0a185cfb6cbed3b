#include "policy/utf8.h"

#include <cstdint>
#include <cstring>

namespace signet {
namespace {

constexpr std::uint64_t kNonAsciiBits = 0x8080808080808080U;

// The length that a lead byte announces and the range its second byte must be in; every later byte is 80..BF.
struct Lead {
  std::size_t length;
  unsigned char second_low;
  unsigned char second_high;
};

constexpr Lead classify(unsigned char byte) {
  if (byte < 0x80) return {1, 0, 0};
  if (byte < 0xC2) return {0, 0, 0};
  if (byte < 0xE0) return {2, 0x80, 0xBF};
  if (byte == 0xE0) return {3, 0xA0, 0xBF};
  if (byte == 0xED) return {3, 0x80, 0x9F};
  if (byte < 0xF0) return {3, 0x80, 0xBF};
  if (byte == 0xF0) return {4, 0x90, 0xBF};
  if (byte < 0xF4) return {4, 0x80, 0xBF};
  if (byte == 0xF4) return {4, 0x80, 0x8F};
  return {0, 0, 0};
}

}  // namespace

std::size_t utf8_sequence_length(std::string_view text, std::size_t at) {
  const Lead lead = classify(static_cast<unsigned char>(text[at]));
  if (lead.length <= 1) return lead.length;
  if (text.size() - at < lead.length) return 0;
  const auto second = static_cast<unsigned char>(text[at + 1]);
  if (second < lead.second_low || second > lead.second_high) return 0;
  for (std::size_t i = 2; i < lead.length; ++i) {
    if ((static_cast<unsigned char>(text[at + i]) & 0xC0U) != 0x80U) return 0;
  }
  return lead.length;
}

std::optional<std::size_t> find_invalid_utf8(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size()) {
    std::uint64_t block = 0;
    if (text.size() - at >= sizeof(block)) {
      std::memcpy(&block, text.data() + at, sizeof(block));
      if ((block & kNonAsciiBits) == 0) {
        at += sizeof(block);
        continue;
      }
    }
    const std::size_t length = utf8_sequence_length(text, at);
    if (length == 0) return at;
    at += length;
  }
  return std::nullopt;
}

}  // namespace signet
