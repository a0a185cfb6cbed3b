#include "tools/signet/command_line/command_line.h"

#include <boost/program_options/parsers.hpp>
#include <boost/program_options/positional_options.hpp>
#include <iostream>

namespace signet {

namespace po = boost::program_options;

tl::expected<CommandLine, int> CommandLine::parse(const std::string& usage, po::options_description options,
                                                  const Arguments& arguments, const std::string& positional) {
  options.add_options()("help,h", "show this help");
  po::positional_options_description unnamed;
  if (!positional.empty()) {
    unnamed.add(positional.c_str(), -1);  // however many its type takes
  }
  CommandLine line;
  try {
    // No guessing of abbreviated names: an option added later must not change what an old command line means.
    const int style = po::command_line_style::default_style & ~po::command_line_style::allow_guessing;
    po::store(po::command_line_parser(arguments).options(options).positional(unnamed).style(style).run(), line.values_);
    if (line.has("help")) {
      std::cout << "Usage: " << usage << "\n\n" << options;
      return tl::unexpected(kExitYes);
    }
    po::notify(line.values_);
  } catch (const po::error& error) {
    return tl::unexpected(usage_error(std::string(error.what()) + "\nUsage: " + usage));
  }
  return line;
}

bool CommandLine::flag(const std::string& option) const { return values_[option].as<bool>(); }

std::string CommandLine::text(const std::string& option) const {
  return has(option) ? values_[option].as<std::string>() : std::string();
}

std::vector<std::string> CommandLine::texts(const std::string& option) const {
  return has(option) ? values_[option].as<std::vector<std::string>>() : std::vector<std::string>();
}

void add_output_option(po::options_description& options) {
  options.add_options()("output", po::value<std::string>()->default_value("text")->value_name("FORMAT"),
                        "text or json");
}

tl::expected<bool, int> wants_json(const CommandLine& line) {
  const std::string output = line.text("output");
  if (output != "text" && output != "json") {
    return tl::unexpected(usage_error("--output must be text or json, not \"" + output + "\""));
  }
  return output == "json";
}

int usage_error(const std::string& message) {
  std::cerr << "signet: " << message << "\n";
  return kExitUsage;
}

}  // namespace signet
