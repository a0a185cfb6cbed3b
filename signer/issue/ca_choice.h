#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "signer/issue/ca_source.h"

namespace signet {

/// Which of a signer's CAs is in force.
struct CaChoice {
  std::optional<Ca> in_force;                 ///< nothing: none of them can be used
  std::shared_ptr<const IssuerChain> staged;  ///< the source's, where that has another key, which waits; or null
  std::vector<std::string> problems{};        ///< why what was found is not used
  bool is_kept = false;                       ///< there is a record of the CA in use: a restart comes back to it
  bool transient = false;                     ///< one of the problems may pass by itself
};

/// Chooses between what was found and `before`, which is in force until now, or null. The key in force is the record's;
/// where there is no record, or none that can be read, it stays the one before; where nothing was before and there is
/// no record it is the source's. Of this key's certificates (see renews()) the source's is in force, else the one of
/// before, else the record's: the first that is valid at `now`. Whatever else is in the source and valid is staged. A
/// record that cannot be read and nothing before leaves nothing: the source may hold what nobody trusts yet.
[[nodiscard]] CaChoice choose_ca(const std::string& signer, const CaFindings& found, const Ca* before,
                                 std::chrono::sys_seconds now);

/// How long a CA can go on.
enum class CaLife {
  kLong,
  kEnding,  ///< it should have been renewed by now: a fifth of its life is left, and 30 days at most
  kOver,    ///< nothing is signed with it any more: less than kMinRemaining is left
};

[[nodiscard]] CaLife life_of(const IssuerChain& chain, std::chrono::sys_seconds now);

}  // namespace signet
