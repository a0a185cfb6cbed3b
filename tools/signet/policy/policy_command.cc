#include <iostream>

#include "tools/signet/command_line/command.h"
#include "tools/signet/command_line/command_line.h"
#include "tools/signet/inputs/input_file.h"
#include "tools/signet/policy/policy_report.h"

namespace signet {

namespace po = boost::program_options;

namespace {

constexpr const char* kUsage = "signet policy check FILE [--output text|json|sarif]";
constexpr const char* kOtherUsages =
    "       signet policy test FILE… [--output text|json|junit]\n"
    "       signet policy explain FILE --identity SPIFFE-ID --signer NAME [options]\n"
    "       signet policy diff OLD NEW --audit FILE [options]\n";

int check(const Arguments& arguments) {
  po::options_description options("Options");
  options.add_options()("file", po::value<std::string>()->required()->value_name("FILE"), "the policy file");
  options.add_options()("output", po::value<std::string>()->default_value("text")->value_name("FORMAT"),
                        "text, json or sarif (SARIF 2.1.0)");
  const auto line = CommandLine::parse(kUsage, options, arguments, "file");
  if (!line) {
    return line.error();
  }
  const std::string output = line->text("output");
  if (output != "text" && output != "json" && output != "sarif") {
    return usage_error("--output must be text, json or sarif, not \"" + output + "\"");
  }
  const std::string file = line->text("file");
  const auto read = read_policy_file(file);
  const PolicyReport report{.file = file,
                            .errors = read ? std::vector<PolicyProblem>() : read.error(),
                            .warnings = read ? read->warnings : std::vector<PolicyProblem>()};
  if (output == "json") {
    std::cout << json_report(report) << "\n";
  } else if (output == "sarif") {
    std::cout << sarif_report(report) << "\n";
  } else {
    complain_about(report.errors);
    complain_about(report.warnings);
    if (read) {
      const Policy& policy = *read->policy;
      std::cout << file << ": valid; " << policy.model().tenants.size() << " tenants, " << policy.signers().size()
                << " signers, digest " << policy.digest() << "\n";
    }
  }
  return read ? kExitYes : kExitUsage;
}

}  // namespace

int policy_command(const Arguments& arguments) {
  const std::string which = arguments.empty() ? "" : arguments[0];
  const Arguments rest(arguments.begin() + (arguments.empty() ? 0 : 1), arguments.end());
  if (which == "check") {
    return check(rest);
  }
  if (which == "test") {
    return policy_test_command(rest);
  }
  if (which == "explain") {
    return policy_explain_command(rest);
  }
  if (which == "diff") {
    return policy_diff_command(rest);
  }
  if (which == "--help" || which == "-h") {
    std::cout << "Usage: " << kUsage << "\n" << kOtherUsages;
    return kExitYes;
  }
  return usage_error("policy: which of: check, test, explain, diff\nUsage: " + std::string(kUsage) + "\n" +
                     kOtherUsages);
}

}  // namespace signet
