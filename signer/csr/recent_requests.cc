#include "signer/csr/recent_requests.h"

#include <array>
#include <cstddef>
#include <functional>
#include <mutex>
#include <optional>
#include <utility>

#include "signer/csr/pkcs10.h"

namespace signet {
namespace {

using Facts = tl::expected<Pkcs10Facts, std::string>;

constexpr std::size_t kShelfEntries = 16;
constexpr std::size_t kShelves = kRecentRequests / kShelfEntries;

// Some of what is remembered, the oldest of which makes room. Several, so that threads seldom meet.
class Shelf {
 public:
  [[nodiscard]] std::optional<Facts> find(std::size_t hash, std::string_view pem) {
    const std::lock_guard lock(mutex_);
    for (std::size_t i = 0; i < kShelfEntries; ++i) {
      if (hashes_[i] == hash && entries_[i].pem == pem) {
        return entries_[i].facts;
      }
    }
    return std::nullopt;
  }

  void put(std::size_t hash, std::string_view pem, const Facts& facts) {
    Entry entry{.pem = std::string(pem), .facts = facts};
    const std::lock_guard lock(mutex_);
    hashes_[next_] = hash;
    std::swap(entries_[next_], entry);
    next_ = (next_ + 1) % kShelfEntries;
  }

 private:
  struct Entry {
    std::string pem;
    Facts facts = tl::unexpected<std::string>("");
  };

  std::mutex mutex_;
  std::array<std::size_t, kShelfEntries> hashes_{};  // side by side, for they are all that most look-ups see
  std::array<Entry, kShelfEntries> entries_;
  std::size_t next_ = 0;
};

}  // namespace

tl::expected<Pkcs10Facts, std::string> parse_recent_pkcs10(std::string_view pem) {
  static std::array<Shelf, kShelves> shelves;
  // Nothing of any size is remembered, and nothing empty, which an entry that was never used would be.
  if (pem.empty() || pem.size() > kMaxRequestPemBytes) {
    return parse_pkcs10(pem);
  }
  const std::size_t hash = std::hash<std::string_view>()(pem);
  Shelf& shelf = shelves[hash % shelves.size()];
  if (auto known = shelf.find(hash, pem)) {
    return *std::move(known);
  }
  Facts facts = parse_pkcs10(pem);
  shelf.put(hash, pem, facts);
  return facts;
}

}  // namespace signet
