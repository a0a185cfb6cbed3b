#include "tools/signet/reload/ca_news.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "signer/kube/rfc3339.h"
#include "signer/trust/renewal.h"

namespace signet {
namespace {

constexpr std::chrono::hours kBetweenReminders{24};

bool are_same(const std::shared_ptr<const IssuerChain>& one, const std::shared_ptr<const IssuerChain>& other) {
  return one == other || (one != nullptr && other != nullptr && are_same_certificates(*one, *other));
}

}  // namespace

std::string key_and_end(const IssuerChain& chain) {
  return "SPKI SHA-256 " + chain.issuer_spki_sha256() + ", valid until " + to_rfc3339(chain.not_after());
}

std::string note_on(const CaStates& cas, std::chrono::sys_seconds now) {
  const auto count = [&](const auto& predicate) { return std::ranges::count_if(cas, predicate); };
  const std::pair<std::ptrdiff_t, const char*> counts[] = {
      {count([](const auto& ca) { return ca.second.staged != nullptr; }), "another key waits for activation"},
      {count([](const auto& ca) { return !ca.second.problems.empty(); }), "what was found is not used"},
      {count([&](const auto& ca) { return life_of(*ca.second.in_force.chain, now) == CaLife::kEnding; }),
       "the CA is to be renewed"},
      {count([&](const auto& ca) { return life_of(*ca.second.in_force.chain, now) == CaLife::kOver; }),
       "nothing is signed any more"}};
  std::string note;
  for (const auto& [signers, what] : counts) {
    if (signers > 0) {
      note += std::string(note.empty() ? "" : "; ") + what + " (signers: " + std::to_string(signers) + ")";
    }
  }
  return note.empty() ? note : note + "; the log says which";
}

void CaNews::tell_change(const std::string& signer, const CaState& state, const Told& told, std::vector<Item>& items) {
  const IssuerChain& chain = *state.in_force.chain;
  if (told.in_force != nullptr && !are_same(told.in_force, state.in_force.chain)) {
    items.push_back({LogLevel::kInfo, signer,
                     (renews(*told.in_force, chain) ? "another certificate of the same CA key is in force: "
                                                    : "another CA key is in force: ") +
                         key_and_end(chain)});
  }
  if (!are_same(told.staged, state.staged)) {
    if (state.staged != nullptr) {
      items.push_back({LogLevel::kWarning, signer,
                       "another CA key waits for `signet ca activate`: " + key_and_end(*state.staged) +
                           (state.is_kept ? ""
                                          : "; nothing keeps the one in force beyond a restart, which would take this "
                                            "one")});
    } else if (!are_same(told.staged, state.in_force.chain)) {
      items.push_back({LogLevel::kInfo, signer, "no other CA key waits any more"});
    }
  }
  if (told.problems != state.problems) {
    for (const std::string& problem : state.problems) {
      items.push_back({LogLevel::kError, signer, "CA not taken: " + problem});
    }
    if (state.problems.empty()) {
      items.push_back({LogLevel::kInfo, signer, "the CA that was not taken is mended"});
    }
  }
}

std::vector<CaNews::Item> CaNews::tell(const CaStates& cas, std::chrono::sys_seconds now) {
  std::vector<Item> items;
  std::erase_if(told_, [&](const auto& told) { return !cas.contains(told.first); });
  for (const auto& [signer, state] : cas) {
    Told& told = told_[signer];
    tell_change(signer, state, told, items);
    const IssuerChain& chain = *state.in_force.chain;
    const CaLife life = life_of(chain, now);
    const bool is_due = life != told.life || now - told.life_told >= kBetweenReminders;
    if (is_due && life != CaLife::kLong) {
      const std::string end = "the CA expires at " + to_rfc3339(chain.not_after());
      items.push_back(life == CaLife::kOver
                          ? Item{LogLevel::kError, signer, end + ": nothing is signed with it any more"}
                          : Item{LogLevel::kWarning, signer, end + ": it is to be renewed"});
    }
    told = {.in_force = state.in_force.chain,
            .staged = state.staged,
            .problems = state.problems,
            .life = life,
            .life_told = is_due ? now : told.life_told};
  }
  return items;
}

}  // namespace signet
