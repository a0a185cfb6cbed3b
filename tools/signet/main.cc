#include <malloc.h>

#include <algorithm>
#include <csignal>
#include <iostream>
#include <string_view>
#include <thread>

#include "tools/signet/command_line/command.h"
#include "tools/signet/process_privacy.h"

namespace {

struct Command {
  std::string_view name;
  std::string_view summary;
  int (*run)(const signet::Arguments&);
};

constexpr Command kCommands[] = {
    {"serve", "the admission webhook and the signer", signet::serve_command},
    {"review", "answer one AdmissionReview from standard input", signet::review_command},
    {"policy", "check a policy file, test it, explain what it decides", signet::policy_command},
    {"ca", "make CAs for a policy's signers, print their roots", signet::ca_command},
    {"render", "print what Kubernetes and Istio are told of a policy", signet::render_command},
    {"audit", "verify what the audit logs tell", signet::audit_command},
};

void print_usage(std::ostream& out) {
  out << "Usage: signet <command> [options]\n\n"
         "Keeps the tenants of one Istio mesh to their own certificate authorities.\n\n"
         "Commands:\n";
  for (const Command& command : kCommands) {
    out << "  " << command.name << std::string(10 - command.name.size(), ' ') << command.summary << "\n";
  }
  out << "\n`signet <command> --help` tells the options of each.\n"
         "Exit codes: 0 yes, 1 no (denied), 2 usage or input error.\n";
}

}  // namespace

int main(int argc, char** argv) {
  if (const auto kept = signet::keep_memory_private(); !kept) {
    std::cerr << "signet: " << kept.error() << "\n";
    return signet::kExitUsage;
  }
  // Threads mostly wait: without a bound each would keep the memory that it once needed.
  mallopt(M_ARENA_MAX, std::max(4, 2 * static_cast<int>(std::thread::hardware_concurrency())));
  // A peer that hangs up is an error to be handled where it is written to, not the end of the process.
  std::signal(SIGPIPE, SIG_IGN);
  // So is a file that may not grow any more.
  std::signal(SIGXFSZ, SIG_IGN);

  const signet::Arguments arguments(argv + 1, argv + argc);
  if (arguments.empty()) {
    print_usage(std::cerr);
    return signet::kExitUsage;
  }
  if (arguments[0] == "--help" || arguments[0] == "-h" || arguments[0] == "help") {
    print_usage(std::cout);
    return signet::kExitYes;
  }
  for (const Command& command : kCommands) {
    if (arguments[0] == command.name) {
      return command.run({arguments.begin() + 1, arguments.end()});
    }
  }
  std::cerr << "signet: unknown command \"" << arguments[0] << "\"\n\n";
  print_usage(std::cerr);
  return signet::kExitUsage;
}
