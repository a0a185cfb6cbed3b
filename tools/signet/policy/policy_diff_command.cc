#include <cerrno>
#include <fstream>
#include <iostream>
#include <system_error>

#include "tools/signet/command_line/command.h"
#include "tools/signet/command_line/command_line.h"
#include "tools/signet/inputs/input_file.h"
#include "tools/signet/policy/policy_diff_report.h"

namespace signet {

namespace po = boost::program_options;

int policy_diff_command(const Arguments& arguments) {
  po::options_description options("Options");
  auto add = options.add_options();
  add("policy", po::value<std::vector<std::string>>()->required()->value_name("FILE"),
      "the policy as it is, then changed");
  add("audit", po::value<std::string>()->required()->value_name("FILE"), "a review log or an issuance log");
  add("namespaces", po::value<std::string>()->value_name("FILE"),
      "the cluster's, as kubectl get namespaces -o yaml prints them (default: none are known)");
  add_output_option(options);
  const auto line = CommandLine::parse(
      "signet policy diff OLD NEW --audit FILE [--namespaces FILE] [--output text|json]\n\n"
      "Takes the decisions of an audit log again, under a policy and under another, and tells those that would "
      "change.\n"
      "Exit code 0 when none would, 1 when one would.",
      options, arguments, "policy");
  if (!line) {
    return line.error();
  }
  const auto as_json = wants_json(*line);
  if (!as_json) {
    return as_json.error();
  }
  const std::vector<std::string> files = line->texts("policy");
  if (files.size() != 2) {
    return usage_error("two policies are needed, as it is and as it would be; there are " +
                       std::to_string(files.size()));
  }
  const std::shared_ptr<const Policy> before = read_policy_or_complain(files[0]);
  const std::shared_ptr<const Policy> after = read_policy_or_complain(files[1]);
  const std::shared_ptr<const NamespaceLabels> namespaces = read_namespaces_or_complain(line->text("namespaces"));
  if (before == nullptr || after == nullptr || namespaces == nullptr) {
    return kExitUsage;
  }
  const std::string audit = line->text("audit");
  std::ifstream log(audit, std::ios::binary);
  if (!log) {
    return usage_error(audit + ": " + std::generic_category().message(errno));
  }
  const PolicyDiffReport report{
      .before = {.path = files[0], .digest = before->digest()},
      .after = {.path = files[1], .digest = after->digest()},
      .audit = audit,
      .replay = replay_audit(log, {.before = *before, .after = *after, .namespaces = *namespaces})};
  if (log.bad()) {
    return usage_error(audit + ": cannot be read");
  }
  // Nothing would change is only to be said of something.
  if (report.replay.replayed == 0) {
    static_cast<void>(usage_error(audit + ": no decision in it can be replayed"));
    std::cerr << notes_of(report);
    return kExitUsage;
  }
  std::cout << (*as_json ? to_json(report) : to_text(report));
  return report.replay.diff.changed() == 0 ? kExitYes : kExitNo;
}

}  // namespace signet
