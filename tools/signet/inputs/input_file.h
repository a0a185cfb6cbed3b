#pragma once

#include <cstddef>
#include <istream>
#include <memory>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "policy/namespace_labels.h"
#include "policy/policy.h"
#include "policy/policy_loader.h"

namespace signet {

/// The whole of a stream, called `name` in errors; more than `max_bytes` is one.
[[nodiscard]] tl::expected<std::string, std::string> read_stream(std::istream& stream, const std::string& name,
                                                                 std::size_t max_bytes);

/// A policy that can be used, its digest the SHA-256 of the file's bytes, and what is doubtful about it.
struct PolicyFile {
  std::shared_ptr<const Policy> policy;
  std::vector<PolicyProblem> warnings;
};

/// The policy that `text` is, or every problem when it cannot be used. `file` is what problems call it.
[[nodiscard]] tl::expected<PolicyFile, std::vector<PolicyProblem>> policy_of_text(const std::string& text,
                                                                                  const std::string& file);

/// A policy file, or every problem when it cannot be used.
[[nodiscard]] tl::expected<PolicyFile, std::vector<PolicyProblem>> read_policy_file(const std::string& path);

/// Tells each on stderr, with its line.
void complain_about(const std::vector<PolicyProblem>& problems);

/// The policy of a file; null, and the problems are told on stderr, when it cannot be used.
[[nodiscard]] std::shared_ptr<const Policy> read_policy_or_complain(const std::string& path);

/// Logs what is doubtful about a policy that is lived by.
void log_policy_warnings(const std::vector<PolicyProblem>& warnings);

/// The same, for who is going to live by it: what is doubtful about it is logged.
[[nodiscard]] std::shared_ptr<const Policy> read_policy_and_log_warnings(const std::string& path);

/// The namespaces of a file (namespaces_file.h); null, and the problems are told on stderr, when it cannot be used.
/// None are known where `path` is empty: no file was named.
[[nodiscard]] std::shared_ptr<const KnownNamespaces> read_namespaces_or_complain(const std::string& path);

}  // namespace signet
