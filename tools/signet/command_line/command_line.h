#pragma once

#include <boost/program_options/options_description.hpp>
#include <boost/program_options/variables_map.hpp>
#include <optional>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "tools/signet/command_line/command.h"

namespace signet {

/// The options of one command, parsed.
class CommandLine {
 public:
  /// An error is the exit code: 0 after --help was printed, 2 after a usage error was told on stderr. `usage` is the
  /// first line of the help; `positional` names the option that arguments without a name are for, if any.
  [[nodiscard]] static tl::expected<CommandLine, int> parse(const std::string& usage,
                                                            boost::program_options::options_description options,
                                                            const Arguments& arguments,
                                                            const std::string& positional = {});

  [[nodiscard]] bool has(const std::string& option) const { return values_.count(option) > 0; }
  /// Of an option without a value: whether it was given.
  [[nodiscard]] bool flag(const std::string& option) const;
  /// Empty when the option was not given and has no default.
  [[nodiscard]] std::string text(const std::string& option) const;
  /// Of an option that may be given more than once: every value, in order.
  [[nodiscard]] std::vector<std::string> texts(const std::string& option) const;

 private:
  boost::program_options::variables_map values_;
};

/// --output, text unless json is asked for.
void add_output_option(boost::program_options::options_description& options);
/// What add_output_option took: whether it is json. An error is the exit code, after it was told.
[[nodiscard]] tl::expected<bool, int> wants_json(const CommandLine& line);

/// Tells `message` on stderr, after "signet: ", and returns the exit code for it.
[[nodiscard]] int usage_error(const std::string& message);

}  // namespace signet
