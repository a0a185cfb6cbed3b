#include <iostream>

#include "signer/kube/bounded_file.h"
#include "tools/signet/command.h"
#include "tools/signet/command_line.h"
#include "tools/signet/input_file.h"
#include "tools/signet/webhook_manifests.h"

namespace signet {

namespace po = boost::program_options;

namespace {

constexpr std::size_t kMaxCaBundleBytes = 1U << 20U;
constexpr const char* kUsage =
    "signet render webhooks --policy FILE --ca-bundle FILE [--service NAMESPACE/NAME | --url URL] [--account USER]";

int webhooks(const Arguments& arguments) {
  po::options_description options("Options");
  options.add_options()("policy", po::value<std::string>()->required()->value_name("FILE"), "the policy to guard");
  options.add_options()("ca-bundle", po::value<std::string>()->required()->value_name("FILE"),
                        "PEM of the CA of the webhook's serving certificate");
  options.add_options()("service",
                        po::value<std::string>()->default_value("signet-system/signet")->value_name("NAMESPACE/NAME"),
                        "the Service that the API server calls, port 443");
  options.add_options()("url", po::value<std::string>()->value_name("URL"),
                        "call this URL instead of a Service: https://HOST[:PORT], to which the path is added");
  options.add_options()(
      "account",
      po::value<std::string>()->default_value("system:serviceaccount:signet-system:signet")->value_name("USER"),
      "Signet's own service account: its status writes are not reviewed");
  const auto line = CommandLine::parse(kUsage, options, arguments);
  if (!line) {
    return line.error();
  }
  const std::shared_ptr<const Policy> policy = read_policy_or_complain(line->text("policy"));
  if (policy == nullptr) {
    return kExitUsage;
  }
  const auto ca_bundle = read_bounded_file(line->text("ca-bundle"), kMaxCaBundleBytes);
  if (!ca_bundle) {
    return usage_error(ca_bundle.error());
  }
  const auto manifests = render_webhooks(*policy, {.url = line->text("url"),
                                                   .service = line->text("service"),
                                                   .ca_bundle = *ca_bundle,
                                                   .account = line->text("account")});
  if (!manifests) {
    return usage_error(manifests.error());
  }
  std::cout << *manifests;
  return kExitYes;
}

}  // namespace

int render_command(const Arguments& arguments) {
  if (!arguments.empty() && arguments[0] == "webhooks") {
    return webhooks({arguments.begin() + 1, arguments.end()});
  }
  if (!arguments.empty() && (arguments[0] == "--help" || arguments[0] == "-h")) {
    std::cout << "Usage: " << kUsage << "\n";
    return kExitYes;
  }
  return usage_error("render: which of: webhooks\nUsage: " + std::string(kUsage));
}

}  // namespace signet
