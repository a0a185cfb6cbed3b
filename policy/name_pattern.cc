#include "policy/name_pattern.h"

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
  if (covers(other) || other.covers(*this)) {
    return true;
  }
  // A prefix and a suffix meet in a name that has both, if it is not too long to be one.
  const bool ends_differ = kind_ != other.kind_ && kind_ != Kind::kExact && other.kind_ != Kind::kExact;
  const std::string joined = kind_ == Kind::kPrefix ? text_ + other.text_ : other.text_ + text_;
  return ends_differ && is_dns_label(joined);
}

}  // namespace signet
