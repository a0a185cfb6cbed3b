#include "signer/issue/ca_states.h"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <iterator>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "signer/trust/renewal.h"

namespace signet {
namespace {

// Much of reading a CA is waiting for the API server, and the rest is decoding, which is for every core.
constexpr std::size_t kMostReaders = 8;
// Fewer are not worth a thread.
constexpr std::size_t kCasOfAReader = 4;

// Calls work(0) to work(count - 1), each once, from several threads where there is much to do.
template <typename Work>
void for_each_index(std::size_t count, const Work& work) {
  std::atomic<std::size_t> next = 0;
  const auto run = [&] {
    for (std::size_t i = next++; i < count; i = next++) work(i);
  };
  std::vector<std::jthread> others;
  try {
    while (others.size() + 1 < std::min(kMostReaders, count / kCasOfAReader)) others.emplace_back(run);
  } catch (const std::system_error&) {
    // No thread is to be had: those that are there do it.
  }
  run();
}

// The state of before, if it is of the same place.
const CaState* state_before(const CaStates& before, const std::string& signer, const CaReading& reading) {
  const auto found = before.find(signer);
  return found == before.end() || found->second.secret_name != reading.secret_name ? nullptr : &found->second;
}

// Has no other signer than those of `before` share a key: each that changed takes its new CA only where it shares none.
void keep_apart(CaStates& states, const CaStates& before) {
  TrustStore::Chains chains = trust_of(states).chains();
  if (TrustStore(chains).isolation_problems().empty()) return;
  std::vector<std::string> changed;
  for (const auto& [signer, state] : states) {
    const auto old = before.find(signer);
    if (old == before.end() || old->second.in_force.chain == state.in_force.chain) continue;
    chains.at(signer) = old->second.in_force.chain;
    changed.push_back(signer);
  }
  for (const std::string& signer : changed) {
    CaState& state = states.at(signer);
    chains.at(signer) = state.in_force.chain;
    auto problems = TrustStore(chains).isolation_problems();
    if (problems.empty()) continue;
    state.in_force = before.find(signer)->second.in_force;
    chains.at(signer) = state.in_force.chain;
    std::ranges::move(problems, std::back_inserter(state.problems));
  }
}

}  // namespace

CaReadings read_cas(const CaSource& source, KubeApi* api, const std::map<std::string, std::string>& secret_names,
                    const std::stop_token& stop) {
  struct Slot {
    const std::string* signer;
    const std::string* secret_name;
    std::optional<CaFindings> found;
  };
  std::vector<Slot> slots;
  for (const auto& [signer, secret_name] : secret_names) slots.push_back({&signer, &secret_name, std::nullopt});
  for_each_index(slots.size(), [&](std::size_t i) {
    Slot& slot = slots[i];
    if (!stop.stop_requested()) slot.found = read_ca(source, api, *slot.signer, *slot.secret_name);
  });
  CaReadings readings;
  for (Slot& slot : slots) {
    if (!slot.found) continue;
    readings.emplace(*slot.signer,
                     CaReading{.secret_name = source.name_space.empty() ? std::string() : *slot.secret_name,
                               .found = *std::move(slot.found)});
  }
  return readings;
}

tl::expected<CaStates, CaProblems> settle_cas(const CaSource& source, CaReadings readings, const CaStates& before,
                                              std::chrono::sys_seconds now) {
  CaStates states;
  CaProblems found;
  for (auto& [signer, reading] : readings) {
    const CaState* const old = state_before(before, signer, reading);
    CaChoice choice =
        choose_ca(signer, reading.found, old != nullptr && source.with_keys ? &old->in_force : nullptr, now);
    // What is as before, or cannot be used, leaves the very object of before.
    if (old != nullptr && (!choice.in_force || are_same_certificates(*choice.in_force->chain, *old->in_force.chain))) {
      choice.in_force = old->in_force;
    }
    if (!choice.in_force) {
      std::ranges::move(choice.problems, std::back_inserter(found.problems));
      found.transient = found.transient || choice.transient;
      continue;
    }
    states.emplace(signer, CaState{.secret_name = std::move(reading.secret_name),
                                   .found = std::move(reading.found),
                                   .in_force = *std::move(choice.in_force),
                                   .staged = std::move(choice.staged),
                                   .problems = std::move(choice.problems),
                                   .is_kept = choice.is_kept});
  }
  keep_apart(states, before);
  std::ranges::move(trust_of(states).isolation_problems(), std::back_inserter(found.problems));
  if (!found.problems.empty()) return tl::unexpected(std::move(found));
  return states;
}

std::string roots_pem(const CaState& state) {
  const std::string& root = state.in_force.chain->root_pem();
  return state.staged == nullptr || state.staged->root_pem() == root ? root : root + state.staged->root_pem();
}

TrustStore trust_of(const CaStates& states) {
  TrustStore::Chains chains;
  for (const auto& [signer, state] : states) chains.emplace(signer, state.in_force.chain);
  return TrustStore(std::move(chains));
}

}  // namespace signet
