#include "signer/issue/ca_states.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "signer/trust/renewal.h"

namespace signet {
namespace {

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
  CaReadings readings;
  for (const auto& [signer, secret_name] : secret_names) {
    if (stop.stop_requested()) break;
    readings.emplace(signer, CaReading{.secret_name = source.name_space.empty() ? std::string() : secret_name,
                                       .found = read_ca(source, api, signer, secret_name)});
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
