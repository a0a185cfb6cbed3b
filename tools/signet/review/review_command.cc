#include <chrono>
#include <iostream>

#include "tools/signet/command_line/command.h"
#include "tools/signet/command_line/command_line.h"
#include "tools/signet/inputs/input_file.h"
#include "webhook/front_limits.h"
#include "webhook/reviewer.h"

namespace signet {

namespace po = boost::program_options;

int review_command(const Arguments& arguments) {
  po::options_description options("Options");
  options.add_options()("policy", po::value<std::string>()->required()->value_name("FILE"), "the policy to judge by");
  options.add_options()("mutate", "answer as /mutate does, with a patch or none, instead of /validate");
  options.add_options()("namespaces", po::value<std::string>()->value_name("FILE"),
                        "the cluster's, as kubectl get namespaces -o yaml prints them (default: none are known)");
  const auto line = CommandLine::parse(
      "signet review --policy FILE [--mutate] [--namespaces FILE] <REVIEW\n\n"
      "Reads an AdmissionReview (JSON) from standard input and prints the AdmissionReview that answers it.\n"
      "Exit code 0 when it was answered, whatever the answer.",
      options, arguments);
  if (!line) {
    return line.error();
  }
  const std::shared_ptr<const Policy> policy = read_policy_or_complain(line->text("policy"));
  const std::shared_ptr<const NamespaceLabels> namespaces = read_namespaces_or_complain(line->text("namespaces"));
  if (policy == nullptr || namespaces == nullptr) {
    return kExitUsage;
  }
  const auto body = read_stream(std::cin, "standard input", kMaxReviewBytes);
  if (!body) {
    return usage_error(body.error());
  }
  const auto reviewed = review(line->has("mutate") ? ReviewKind::kMutate : ReviewKind::kValidate, *body,
                               {.policy = *policy,
                                .namespaces = *namespaces,
                                .issuers = nullptr,
                                .self = {},
                                .now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now())});
  if (!reviewed) {
    return usage_error("standard input: " + reviewed.error());
  }
  std::cout << reviewed->body << "\n";
  return kExitYes;
}

}  // namespace signet
