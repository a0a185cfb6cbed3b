#include "tools/signet/render/cel.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "policy/quoting.h"

namespace signet {

std::string cel_text(std::string_view text) {
  std::string literal = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      literal += '\\';
    }
    literal += c;
  }
  return literal + '"';
}

std::string cel_list(const std::vector<std::string>& texts) { return "[" + joined(texts, cel_text) + "]"; }

std::string cel_map(const std::map<std::string, std::string>& expressions) {
  return "{" + joined(expressions, [](const auto& entry) { return cel_text(entry.first) + ": " + entry.second; }) + "}";
}

std::string cel_lookup(const std::map<std::string, std::string>& expressions, std::string_view key) {
  std::map<std::string_view, std::size_t> count;
  for (const auto& [name, expression] : expressions) {
    ++count[expression];
  }
  const auto usual = std::ranges::max_element(count, {}, &std::pair<const std::string_view, std::size_t>::second);
  std::map<std::string, std::string> others;
  std::ranges::copy_if(expressions, std::inserter(others, others.end()),
                       [&](const auto& entry) { return entry.second != usual->first; });
  const std::string otherwise(usual->first);
  return others.empty() ? otherwise : cel_map(others) + "[?" + std::string(key) + "].orValue(" + otherwise + ")";
}

std::optional<std::string> cel_is_a_tenants_name(const Policy& policy, std::string_view name,
                                                 const std::vector<std::string>& others, std::size_t max_bytes) {
  std::vector<std::string> exact = others;
  std::vector<std::string> prefixes;
  std::vector<std::string> suffixes;
  for (const PolicyModel::Tenant& tenant : policy.model().tenants) {
    for (const NamePattern& pattern : tenant.namespaces) {
      switch (pattern.kind()) {
        case NamePattern::Kind::kExact:
          exact.push_back(pattern.text());
          break;
        case NamePattern::Kind::kPrefix:
          prefixes.push_back(pattern.text());
          break;
        case NamePattern::Kind::kSuffix:
          suffixes.push_back(pattern.text());
          break;
      }
    }
  }
  std::string any;
  const auto add = [&](std::vector<std::string>& texts, std::string_view before, std::string_view after) {
    if (!texts.empty()) {
      std::ranges::sort(texts);
      texts.erase(std::ranges::unique(texts).begin(), texts.end());
      any += any.empty() ? "" : " || ";
      any.append(before).append(cel_list(texts)).append(after);
    }
  };
  const std::string subject(name);
  add(exact, subject + " in ", "");
  add(prefixes, "", ".exists(p, " + subject + ".startsWith(p))");
  add(suffixes, "", ".exists(s, " + subject + ".endsWith(s))");
  if (any.empty()) {
    any = "false";
  }
  return any.size() > max_bytes ? std::nullopt : std::optional(std::move(any));
}

std::string yaml_quoted(std::string_view text) {
  std::string scalar = "'";
  for (const char c : text) {
    scalar += c == '\'' ? "''" : std::string(1, c);
  }
  return scalar + "'";
}

}  // namespace signet
