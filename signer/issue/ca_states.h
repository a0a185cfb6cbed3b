#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <stop_token>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "signer/issue/ca_choice.h"
#include "signer/issue/ca_source.h"
#include "signer/trust/trust_store.h"

namespace signet {

/// How it stands with a signer's CA.
struct CaState {
  std::string secret_name;  ///< of its source, with Secrets
  CaFindings found;
  Ca in_force;
  std::shared_ptr<const IssuerChain> staged;  ///< another key's, which waits for `signet ca activate`; or null
  std::vector<std::string> problems;          ///< why what was found is not in force
  bool is_kept = false;                       ///< as CaChoice has it
};

/// By the signer's name.
using CaStates = std::map<std::string, CaState, std::less<>>;

/// What is read of the CAs of some signers.
struct CaReading {
  std::string secret_name;
  CaFindings found;
};
using CaReadings = std::map<std::string, CaReading, std::less<>>;

/// Reads the CA of each signer; `secret_names` goes from signers to Secrets, whose names matter with Secrets alone.
/// Told to stop, it leaves out the rest.
[[nodiscard]] CaReadings read_cas(const CaSource& source, KubeApi* api,
                                  const std::map<std::string, std::string>& secret_names,
                                  const std::stop_token& stop = {});

/// The CA in force of each signer that was read, chosen by choose_ca(), no two with a key in common. A CA of before,
/// where there is one in the same place, stays in force rather than one that cannot be used or shares a key with
/// another's, and the state says why; for whoever reads no keys, and so does not sign, the source's is used whatever
/// its key. Fails with all that is wrong where a signer has no CA, or a new one shares a key with another's.
[[nodiscard]] tl::expected<CaStates, CaProblems> settle_cas(const CaSource& source, CaReadings readings,
                                                            const CaStates& before, std::chrono::sys_seconds now);

/// PEM of the root of the CA in force, and of the staged one's where that is another.
[[nodiscard]] std::string roots_pem(const CaState& state);

/// The chains in force.
[[nodiscard]] TrustStore trust_of(const CaStates& states);

}  // namespace signet
