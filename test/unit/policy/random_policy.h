#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "policy/policy.h"

namespace signet {

/// The same choices for the same seed, wherever it runs.
class Random {
 public:
  explicit Random(std::uint32_t seed) : bits_(seed) {}

  std::size_t below(std::size_t bound) { return bits_() % bound; }
  bool one_in(std::size_t times) { return below(times) == 0; }

  template <typename Value>
  const Value& one_of(const std::vector<Value>& values) {
    return values[below(values.size())];
  }
  /// Some of them, in their order; at least one.
  template <typename Value>
  std::vector<Value> some_of(const std::vector<Value>& values) {
    std::vector<Value> some;
    for (const Value& value : values) {
      if (one_in(2)) {
        some.push_back(value);
      }
    }
    return some.empty() ? std::vector<Value>{one_of(values)} : some;
  }

 private:
  std::mt19937 bits_;
};

inline constexpr std::size_t kTenants = 4;

struct RandomOptions {
  bool namespaces_by_both_ends = false;  ///< else no name can be two tenants'
  bool shared_signers = false;           ///< else each tenant has signers of its own
};

/// Tenant number `index`, of what no other number has, but for what the options let it share.
PolicyModel::Tenant random_tenant(Random& random, std::size_t index, const RandomOptions& options);
/// A policy that the loader would take, of tenants 0 to kTenants - 1.
PolicyModel random_model(Random& random, const RandomOptions& options);
Modes random_modes(Random& random);

/// A request that may be anybody's: of namespaces, names and signers of tenants 0 to kTenants and of nobody, right and
/// wrong in every way that a policy judges.
SigningRequest random_request(Random& random);
/// Labels of the namespaces that such a request may be of; some are not known.
KnownNamespaces random_namespaces(Random& random);

}  // namespace signet
