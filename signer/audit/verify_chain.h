#pragma once

#include <cstdint>
#include <functional>
#include <istream>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "signer/audit/audit_line.h"

namespace signet {

/// What a log that holds says of itself.
struct ChainSummary {
  std::uint64_t lines = 0;
  /// Beginnings with seq 1: one for a file; more where the output of several processes was collected.
  std::uint64_t chains = 0;
  /// Places where writing was cut off; each is marked, and covered by the chain, in the `start` line behind it.
  std::uint64_t torn = 0;
  ChainHead head;
};

struct ChainProblem {
  std::uint64_t line = 0;  ///< from 1
  std::string message;
};

/// Is given each line that holds, in order: its number, itself without its newline, and what it says of the chain.
using HeldLineVisitor = std::function<void(std::uint64_t number, std::string_view line, const SealedLine& sealed)>;

/// Verifies that each line's hash is its own, that its `prev` is the hash of the line before and its `seq` the next.
/// The first line may have any `prev`: a log may have been cut where a file was put away. Stops at the first problem.
[[nodiscard]] tl::expected<ChainSummary, ChainProblem> verify_chain(std::istream& log,
                                                                    const HeldLineVisitor& visit = {});

}  // namespace signet
