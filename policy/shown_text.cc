#include "policy/shown_text.h"

#include <algorithm>

#include "policy/utf8.h"

namespace signet {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

// Whether a terminal shows `character`, one well-formed sequence, as itself: not C0 and C1 controls, marks and
// overrides of direction, joiners of no width, separators of lines (Unicode Standard, chapter 23).
bool is_shown(std::string_view character) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(character[i]); };
  if (character.size() == 1) {
    return byte(0) >= 0x20 && byte(0) < 0x7f;
  }
  if (byte(0) == 0xc2) {
    return byte(1) >= 0xa0;
  }
  if (byte(0) == 0xe2 && byte(1) == 0x80) {
    return !(byte(2) >= 0x8b && byte(2) <= 0x8f) && !(byte(2) >= 0xa8 && byte(2) <= 0xae);
  }
  return !(byte(0) == 0xe2 && byte(1) == 0x81 && byte(2) >= 0xa0 && byte(2) <= 0xaf) && character != kByteOrderMark;
}

}  // namespace

std::size_t character_length(std::string_view text, std::size_t at) {
  return std::max<std::size_t>(utf8_sequence_length(text, at), 1);
}

void append_shown(std::string& out, std::string_view character) {
  if (is_shown(character)) {
    out += character;
  } else {
    out += '?';
  }
}

std::string shown(std::string_view text, std::size_t max_bytes) {
  std::string result;
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t length = character_length(text, at);
    if (at + length > max_bytes) {
      return result + "…";
    }
    append_shown(result, text.substr(at, length));
    at += length;
  }
  return result;
}

std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0U) != 0x80U; }));
}

}  // namespace signet
