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

}  // namespace signet
