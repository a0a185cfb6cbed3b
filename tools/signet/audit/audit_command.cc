#include <algorithm>
#include <cerrno>
#include <fstream>
#include <iostream>
#include <set>
#include <system_error>

#include "policy/quoting.h"
#include "tools/signet/audit/audit_verify_report.h"
#include "tools/signet/command_line/command.h"
#include "tools/signet/command_line/command_line.h"

namespace signet {

namespace po = boost::program_options;

namespace {

constexpr const char* kUsage = "signet audit verify FILE… [--expect-head HASH] [--output text|json]";

constexpr std::string_view kStandardInput = "-";

bool is_hash(std::string_view text) {
  constexpr std::size_t kHashDigits = 64;
  return text.size() == kHashDigits && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

// Whether the log could be read; why not is told on stderr.
bool add(LogVerification& verification, const std::string& path) {
  std::ifstream file;
  if (path != kStandardInput) {
    file.open(path, std::ios::binary);
    if (!file) {
      std::cerr << path << ": " << std::generic_category().message(errno) << "\n";
      return false;
    }
  }
  std::istream& log = path == kStandardInput ? std::cin : file;
  verification.add(log);
  if (log.bad()) {
    std::cerr << path << ": cannot be read\n";
    return false;
  }
  return true;
}

int verify(const Arguments& arguments) {
  po::options_description options("Options");
  auto add_option = options.add_options();
  add_option("file", po::value<std::vector<std::string>>()->required()->value_name("FILE"),
             "an audit log, - for standard input; may be given more than once");
  add_option("expect-head", po::value<std::vector<std::string>>()->value_name("HASH"),
             "the head of a log as it was told before, and kept elsewhere: a line must have this hash; may be given "
             "more than once");
  add_output_option(options);
  const auto line = CommandLine::parse(
      std::string(kUsage) +
          "\n\n"
          "Verifies audit logs: that each is a chain of hashes, across restarts, in which nothing was changed, left\n"
          "out or put in; and, over all of them, that what they tell of certificates fits together: each was issued\n"
          "for what was granted, what is published or discarded was issued before, and no request has two that were\n"
          "published. Issued ones without an end are told. Give the logs of all replicas, parts of one in their "
          "order.\n"
          "\n"
          "What a log cannot show by itself: that its last lines are missing, or that all of it was written anew. "
          "Keep\n"
          "the head that is told where who writes the log cannot, and give it as --expect-head the next time. An end\n"
          "that a crash cut off holds when Signet has started again and marked it. From a pod's output:\n"
          "  kubectl logs POD | grep '\"hash\":\"[0-9a-f]\\{64\\}\"}$' | signet audit verify -\n"
          "\n"
          "Exit code 0 when the logs hold, 1 when they do not.",
      options, arguments, "file");
  if (!line) {
    return line.error();
  }
  const auto as_json = wants_json(*line);
  if (!as_json) {
    return as_json.error();
  }
  const std::vector<std::string> heads = line->texts("expect-head");
  if (const auto wrong = std::ranges::find_if_not(heads, is_hash); wrong != heads.end()) {
    return usage_error("--expect-head must be 64 hexadecimal digits, not " + in_quotes(*wrong));
  }
  AuditVerifyReport report{.files = line->texts("file"), .verified = {}};
  if (std::ranges::count(report.files, kStandardInput) > 1) {
    return usage_error("standard input can be read once");
  }
  LogVerification verification(std::set(heads.begin(), heads.end()));
  bool readable = true;
  for (std::string& file : report.files) {
    readable = add(verification, file) && readable;
    if (file == kStandardInput) {
      file = "standard input";
    }
  }
  if (!readable) {
    return kExitUsage;
  }
  report.verified = verification.take();
  std::cout << (*as_json ? to_json(report) : to_text(report));
  return report.verified.holds() ? kExitYes : kExitNo;
}

}  // namespace

int audit_command(const Arguments& arguments) {
  const std::string which = arguments.empty() ? "" : arguments[0];
  if (which == "verify") {
    return verify({arguments.begin() + 1, arguments.end()});
  }
  if (which == "--help" || which == "-h") {
    std::cout << "Usage: " << kUsage << "\n";
    return kExitYes;
  }
  return usage_error("audit: which of: verify\nUsage: " + std::string(kUsage));
}

}  // namespace signet
