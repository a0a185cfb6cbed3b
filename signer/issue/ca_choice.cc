#include "signer/issue/ca_choice.h"

#include <algorithm>
#include <iterator>

#include "signer/trust/renewal.h"

namespace signet {
namespace {

// cert-manager renews when a third of the life is left, and people are given a month's notice.
constexpr int kEndingFraction = 5;
constexpr std::chrono::days kEndingAtMost{30};

// What was found, if it is a CA; else the reasons are told.
const Ca* ca_in(const tl::expected<Ca, CaProblems>& found, CaChoice& choice) {
  if (found) return &*found;
  std::ranges::copy(found.error().problems, std::back_inserter(choice.problems));
  choice.transient = choice.transient || found.error().transient;
  return nullptr;
}

}  // namespace

CaChoice choose_ca(const std::string& signer, const CaFindings& found, const Ca* before, std::chrono::sys_seconds now) {
  CaChoice choice{.in_force = std::nullopt, .staged = nullptr, .is_kept = found.in_use.has_value()};
  const Ca* source = ca_in(found.source, choice);
  // What is invalid is told of the source alone: a record ends as it was made, and the source renews it.
  if (source != nullptr) {
    if (const auto valid = source->chain->check_validity(now); !valid) {
      choice.problems.push_back("signer \"" + signer + "\": " + valid.error());
      source = nullptr;
    }
  }
  const Ca* const record = found.in_use ? ca_in(*found.in_use, choice) : nullptr;
  const Ca* const anchor = record != nullptr ? record : before;
  if (anchor == nullptr) {
    if (source != nullptr && !found.in_use) choice.in_force = *source;
    return choice;
  }
  for (const Ca* const candidate : {source, before, record}) {
    if (candidate != nullptr && renews(*anchor->chain, *candidate->chain) && candidate->chain->check_validity(now)) {
      choice.in_force = *candidate;
      break;
    }
  }
  if (!choice.in_force && record != nullptr) {
    choice.problems.push_back("signer \"" + signer +
                              "\": the CA in use: " + record->chain->check_validity(now).error());
  }
  if (source != nullptr && !renews(*anchor->chain, *source->chain)) choice.staged = source->chain;
  return choice;
}

CaLife life_of(const IssuerChain& chain, std::chrono::sys_seconds now) {
  const auto remaining = chain.not_after() - now;
  if (remaining < kMinRemaining) return CaLife::kOver;
  const std::chrono::seconds notice =
      std::min<std::chrono::seconds>((chain.not_after() - chain.not_before()) / kEndingFraction, kEndingAtMost);
  return remaining < notice ? CaLife::kEnding : CaLife::kLong;
}

}  // namespace signet
