#include "policy/source_excerpt.h"

#include <algorithm>

#include "policy/shown_text.h"
#include "policy/utf8.h"

namespace signet {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
constexpr std::string_view kCut = "…";

// How much of a line that is cut stands before the place.
constexpr std::size_t kCharactersBefore = 60;

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
  const std::size_t end = index + 1 < begins_.size() ? begins_[index + 1] - 1 : text_.size();
  std::string_view line = text_.substr(begins_[index], end - begins_[index]);
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
    if (whole[end] == '\t') {
      excerpt.line += ' ';
    } else {
      append_shown(excerpt.line, whole.substr(end, length));
    }
    end += length;
  }
  if (end < whole.size()) {
    excerpt.line += kCut;
  }
  return excerpt;
}

}  // namespace signet
