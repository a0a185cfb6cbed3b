#include "policy/kubernetes_names.h"

#include <algorithm>
#include <cstddef>

namespace signet {
namespace {

constexpr std::size_t kMaxLabelBytes = 63;
constexpr std::size_t kMaxSubdomainBytes = 253;

bool is_lower_alphanumeric(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

bool is_label_of_any_length(std::string_view name) {
  return !name.empty() && is_lower_alphanumeric(name.front()) && is_lower_alphanumeric(name.back()) &&
         std::ranges::all_of(name, [](char c) { return is_lower_alphanumeric(c) || c == '-'; });
}

bool is_alphanumeric(char c) { return is_lower_alphanumeric(c) || (c >= 'A' && c <= 'Z'); }

bool is_qualified_name(std::string_view name) {
  return !name.empty() && name.size() <= kMaxLabelBytes && is_alphanumeric(name.front()) &&
         is_alphanumeric(name.back()) &&
         std::ranges::all_of(name, [](char c) { return is_alphanumeric(c) || c == '-' || c == '_' || c == '.'; });
}

}  // namespace

bool is_dns_label(std::string_view name) { return name.size() <= kMaxLabelBytes && is_label_of_any_length(name); }

bool is_dns_subdomain(std::string_view name) {
  if (name.size() > kMaxSubdomainBytes) {
    return false;
  }
  while (true) {
    const std::size_t dot = name.find('.');
    if (!is_label_of_any_length(name.substr(0, dot))) {
      return false;
    }
    if (dot == std::string_view::npos) {
      return true;
    }
    name.remove_prefix(dot + 1);
  }
}

bool is_label_value(std::string_view value) { return value.empty() || is_qualified_name(value); }

bool is_label_key(std::string_view key) {
  const std::size_t slash = key.find('/');
  return slash == std::string_view::npos
             ? is_qualified_name(key)
             : is_dns_subdomain(key.substr(0, slash)) && is_qualified_name(key.substr(slash + 1));
}

}  // namespace signet
