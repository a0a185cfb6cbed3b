#include "policy/name_pattern.h"

#include <algorithm>

#include "policy/kubernetes_names.h"

namespace signet {

std::optional<NamePattern> NamePattern::parse(std::string_view written) {
  if (is_dns_label(written)) {
    return NamePattern(Kind::kExact, written);
  }
  if (written.size() < 2) {
    return std::nullopt;
  }
  // What is beside the star need not be a whole label, but only what can be part of one.
  if (written.ends_with('*')) {
    const std::string_view prefix = written.substr(0, written.size() - 1);
    return is_dns_label(std::string(prefix) + "a") ? std::optional(NamePattern(Kind::kPrefix, prefix)) : std::nullopt;
  }
  if (written.starts_with('*')) {
    const std::string_view suffix = written.substr(1);
    return is_dns_label("a" + std::string(suffix)) ? std::optional(NamePattern(Kind::kSuffix, suffix)) : std::nullopt;
  }
  return std::nullopt;
}

std::string NamePattern::written() const {
  switch (kind_) {
    case Kind::kExact:
      return text_;
    case Kind::kPrefix:
      return text_ + "*";
    case Kind::kSuffix:
      return "*" + text_;
  }
  return {};
}

bool NamePattern::matches(std::string_view name) const {
  switch (kind_) {
    case Kind::kExact:
      return name == text_;
    case Kind::kPrefix:
      return name.starts_with(text_);
    case Kind::kSuffix:
      return name.ends_with(text_);
  }
  return false;
}

bool NamePattern::covers(const NamePattern& other) const {
  return (other.kind_ == Kind::kExact || other.kind_ == kind_) && matches(other.text_);
}

bool NamePattern::overlaps(const NamePattern& other) const {
  if (kind_ == other.kind_ || kind_ == Kind::kExact || other.kind_ == Kind::kExact) {
    return covers(other) || other.covers(*this);
  }
  // A prefix and a suffix meet in a name that has both, side by side or with some letters in common.
  const std::string_view prefix = kind_ == Kind::kPrefix ? text_ : other.text_;
  const std::string_view suffix = kind_ == Kind::kPrefix ? other.text_ : text_;
  for (std::size_t shared = 0; shared <= std::min(prefix.size(), suffix.size()); ++shared) {
    if (prefix.ends_with(suffix.substr(0, shared)) && is_dns_label(std::string(prefix).append(suffix.substr(shared)))) {
      return true;
    }
  }
  return false;
}

}  // namespace signet
