#pragma once

#include <string>
#include <vector>

namespace signet {

// What every command ends with.
inline constexpr int kExitYes = 0;
inline constexpr int kExitNo = 1;     ///< denied, or a test failed
inline constexpr int kExitUsage = 2;  ///< usage or input error, told on stderr

using Arguments = std::vector<std::string>;

// The subcommands: each gets the arguments after its own name and returns an exit code.
[[nodiscard]] int serve_command(const Arguments& arguments);
[[nodiscard]] int review_command(const Arguments& arguments);
[[nodiscard]] int policy_command(const Arguments& arguments);
[[nodiscard]] int ca_command(const Arguments& arguments);
[[nodiscard]] int render_command(const Arguments& arguments);
[[nodiscard]] int audit_command(const Arguments& arguments);

// Of `signet policy`.
[[nodiscard]] int policy_diff_command(const Arguments& arguments);
[[nodiscard]] int policy_explain_command(const Arguments& arguments);
[[nodiscard]] int policy_test_command(const Arguments& arguments);

// Of `signet ca`.
[[nodiscard]] int ca_status_command(const Arguments& arguments);
[[nodiscard]] int ca_activate_command(const Arguments& arguments);

}  // namespace signet
