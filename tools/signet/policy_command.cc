#include <iostream>

#include "signer/kube/json_writer.h"
#include "tools/signet/command.h"
#include "tools/signet/command_line.h"
#include "tools/signet/input_file.h"

namespace signet {

namespace po = boost::program_options;

namespace {

constexpr const char* kUsage = "signet policy check FILE [--output text|json]";

void print_json(const std::string& file, const std::vector<PolicyProblem>& problems) {
  JsonWriter json;
  json.begin_object().key("file").string(file).key("valid").boolean(problems.empty()).key("problems").begin_array();
  for (const PolicyProblem& problem : problems) {
    json.begin_object().key("line").integer(problem.line).key("column").integer(problem.column);
    json.key("message").string(problem.message).end_object();
  }
  json.end_array().end_object();
  std::cout << json.text() << "\n";
}

int check(const Arguments& arguments) {
  po::options_description options("Options");
  options.add_options()("file", po::value<std::string>()->required()->value_name("FILE"), "the policy file");
  options.add_options()("output", po::value<std::string>()->default_value("text")->value_name("FORMAT"),
                        "text or json");
  const auto line = CommandLine::parse(kUsage, options, arguments, "file");
  if (!line) {
    return line.error();
  }
  const std::string output = line->text("output");
  if (output != "text" && output != "json") {
    return usage_error("--output must be text or json, not \"" + output + "\"");
  }
  const std::string file = line->text("file");
  const auto policy = read_policy_file(file);
  const std::vector<PolicyProblem> problems = policy ? std::vector<PolicyProblem>() : policy.error();
  if (output == "json") {
    print_json(file, problems);
  } else if (policy) {
    const PolicyModel& model = (*policy)->model();
    std::cout << file << ": valid; " << model.tenants.size() << " tenants, " << (*policy)->signers().size()
              << " signers, digest " << (*policy)->digest() << "\n";
  } else {
    for (const PolicyProblem& problem : problems) {
      std::cerr << to_string(problem) << "\n";
    }
  }
  return policy ? kExitYes : kExitUsage;
}

}  // namespace

int policy_command(const Arguments& arguments) {
  if (!arguments.empty() && arguments[0] == "check") {
    return check({arguments.begin() + 1, arguments.end()});
  }
  if (!arguments.empty() && (arguments[0] == "--help" || arguments[0] == "-h")) {
    std::cout << "Usage: " << kUsage << "\n";
    return kExitYes;
  }
  return usage_error("policy: which of: check\nUsage: " + std::string(kUsage));
}

}  // namespace signet
