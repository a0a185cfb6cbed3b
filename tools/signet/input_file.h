#pragma once

#include <cstddef>
#include <istream>
#include <memory>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "policy/policy.h"
#include "policy/policy_loader.h"

namespace signet {

/// The whole of a stream, called `name` in errors; more than `max_bytes` is one.
[[nodiscard]] tl::expected<std::string, std::string> read_stream(std::istream& stream, const std::string& name,
                                                                 std::size_t max_bytes);

/// A policy file, its digest the SHA-256 of its bytes. Every problem is there when it cannot be used.
[[nodiscard]] tl::expected<std::shared_ptr<const Policy>, std::vector<PolicyProblem>> read_policy_file(
    const std::string& path);

/// The same; the problems are told on stderr.
[[nodiscard]] std::shared_ptr<const Policy> read_policy_or_complain(const std::string& path);

}  // namespace signet
