#include "policy/source_excerpt.h"

#include <algorithm>

#include "policy/utf8.h"

namespace signet {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
constexpr std::string_view kCut = "…";

// How much of a line that is cut stands before the place.
constexpr std::size_t kCharactersBefore = 60;

// A byte that begins no well-formed sequence counts as a character of its own.
std::size_t character_length(std::string_view text, std::size_t at) {
  return std::max<std::size_t>(utf8_sequence_length(text, at), 1);
}

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

void append_shown(std::string& out, std::string_view character) {
  if (character == "\t") {
    out += ' ';
  } else if (is_shown(character)) {
    out += character;
  } else {
    out += '?';
  }
}

// Where the character before `at` begins.
std::size_t character_before(std::string_view text, std::size_t at) {
  constexpr std::size_t kMaxLength = 4;
  for (std::size_t length = 2; length <= std::min(kMaxLength, at); ++length) {
    if (utf8_sequence_length(text, at - length) == length) {
      return at - length;
    }
  }
  return at - 1;
}

}  // namespace

SourceLines::SourceLines(std::string_view text) : text_(text) {
  if (text_.starts_with(kByteOrderMark)) {
    text_.remove_prefix(kByteOrderMark.size());
  }
  begins_.push_back(0);
  for (std::size_t end = text_.find('\n'); end != std::string_view::npos; end = text_.find('\n', end + 1)) {
    begins_.push_back(end + 1);
  }
}

std::string_view SourceLines::line(int number) const {
  const auto index = static_cast<std::size_t>(number - 1);
  if (number < 1 || index >= begins_.size()) {
    return {};
  }
  std::string_view line = text_.substr(begins_[index]);
  line = line.substr(0, line.find('\n'));
  if (line.ends_with('\r')) {
    line.remove_suffix(1);
  }
  return line;
}

SourceExcerpt SourceLines::excerpt(const YamlMark& mark) {
  const std::string_view whole = line(mark.line);
  const std::size_t place = std::min(static_cast<std::size_t>(std::max(mark.column, 1) - 1), whole.size());
  if (counted_.line != mark.line || counted_bytes_ > place) {
    counted_bytes_ = 0;
    counted_characters_ = 0;
  }
  counted_ = mark;
  while (counted_bytes_ < place) {
    counted_bytes_ += character_length(whole, counted_bytes_);
    ++counted_characters_;
  }

  SourceExcerpt excerpt;
  excerpt.character = static_cast<int>(counted_characters_) + 1;
  // Whether all of it fits is known without counting what may be megabytes.
  std::size_t total = counted_characters_;
  for (std::size_t at = counted_bytes_; at < whole.size() && total <= kMaxExcerptCharacters; ++total) {
    at += character_length(whole, at);
  }
  std::size_t begin = 0;
  excerpt.caret = counted_characters_;
  if (total > kMaxExcerptCharacters && counted_characters_ > kCharactersBefore) {
    begin = counted_bytes_;
    for (std::size_t i = 0; i < kCharactersBefore; ++i) {
      begin = character_before(whole, begin);
    }
    excerpt.line = kCut;
    excerpt.caret = kCharactersBefore + 1;
  }
  std::size_t end = begin;
  for (std::size_t i = 0; i < kMaxExcerptCharacters && end < whole.size(); ++i) {
    const std::size_t length = character_length(whole, end);
    append_shown(excerpt.line, whole.substr(end, length));
    end += length;
  }
  if (end < whole.size()) {
    excerpt.line += kCut;
  }
  return excerpt;
}

}  // namespace signet
