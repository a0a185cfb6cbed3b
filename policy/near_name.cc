#include "policy/near_name.h"

#include <algorithm>
#include <cstddef>
#include <vector>

namespace signet {
namespace {

constexpr std::size_t kMaxEdits = 2;
constexpr std::size_t kLettersPerEdit = 3;

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

// Optimal string alignment: insertions, deletions, substitutions and swaps of neighbours, each letter edited once.
std::size_t edits_between(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1);
  std::vector<std::size_t> above(b.size() + 1);
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) {
    row[j] = j;
  }
  for (std::size_t i = 1; i <= a.size(); ++i) {
    before.swap(above);
    above.swap(row);
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const bool same = lower(a[i - 1]) == lower(b[j - 1]);
      row[j] = std::min({above[j] + 1, row[j - 1] + 1, above[j - 1] + (same ? 0 : 1)});
      if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) && lower(a[i - 2]) == lower(b[j - 1])) {
        row[j] = std::min(row[j], before[j - 2] + 1);
      }
    }
  }
  return row[b.size()];
}

}  // namespace

std::optional<std::string_view> near_name(std::string_view written, std::span<const std::string_view> known) {
  std::optional<std::string_view> nearest;
  std::size_t allowed = std::min(kMaxEdits, (written.size() + kLettersPerEdit - 1) / kLettersPerEdit);
  for (const std::string_view name : known) {
    // Each edit changes the length by one at most, so what is much longer is not even looked at.
    if (written.size() > name.size() + allowed || name.size() > written.size() + allowed) {
      continue;
    }
    const std::size_t edits = edits_between(written, name);
    if (edits < allowed || (edits == allowed && !nearest)) {
      nearest = name;
      allowed = edits;
    }
  }
  return nearest;
}

}  // namespace signet
