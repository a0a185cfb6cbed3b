#include <iomanip>
#include <iostream>
#include <sstream>

#include "policy/duration.h"
#include "policy/explanation.h"
#include "policy/kubernetes_names.h"
#include "policy/quoting.h"
#include "policy/request_sketch.h"
#include "signer/kube/json_writer.h"
#include "tools/signet/command_line/command.h"
#include "tools/signet/command_line/command_line.h"
#include "tools/signet/inputs/input_file.h"

namespace signet {

namespace po = boost::program_options;

namespace {

using Verdict = Decision::Verdict;

std::string quota_text(const Grant& grant) {
  const std::optional<IssuanceQuota>& quota = grant.terms().quota;
  return quota ? ", while the tenant is issued no more than " + std::to_string(quota->per_minute) + " a minute, " +
                     std::to_string(quota->burst) + " at once"
               : "";
}

std::string verdict_line(const Decision& decision) {
  switch (decision.verdict) {
    case Verdict::kNotOurs:
      return "not-ours: the policy does not govern this signer; the request passes untouched";
    case Verdict::kGranted:
      return "granted: a certificate of signer " + in_quotes(decision.grant->terms().signer) + " for " +
             to_string(decision.grant->terms().lifetime) + " (" + decision.rule + ")" + quota_text(*decision.grant);
    case Verdict::kTolerated:
    case Verdict::kDenied:
      break;
  }
  const std::string verdict =
      decision.denied() ? "denied: " : "passes, but would be denied if its modes were enforce: ";
  return verdict + joined(decision.findings, [](const Finding& finding) { return to_string(finding.reason); });
}

std::string text_of(const Explanation& explanation) {
  constexpr int kOutcomeColumn = 10;
  constexpr int kNameColumn = 12;
  const std::string indent(2 + kOutcomeColumn + kNameColumn, ' ');
  std::ostringstream out;
  out << verdict_line(explanation.decision) << "\n";
  for (const ExplainedCheck& check : explanation.checks) {
    out << "  " << std::left << std::setw(kOutcomeColumn) << to_string(check.outcome) << std::setw(kNameColumn)
        << check_name(check.check) << "asked:   " << check.asked << "\n";
    if (!check.allowed.empty()) {
      out << indent << "allowed: " << check.allowed << (check.rule.empty() ? "" : " (" + check.rule + ")") << "\n";
    }
    for (const std::string& finding : check.findings) {
      const std::string mode = check.mode == Mode::kEnforce ? "" : " (mode " + std::string(to_string(check.mode)) + ")";
      out << indent << to_string(check.check) << mode << ": " << finding << "\n";
    }
  }
  return out.str();
}

std::string json_of(const Explanation& explanation, const Policy& policy) {
  const Decision& decision = explanation.decision;
  JsonWriter json;
  json.begin_object().key("policy").string(policy.digest()).key("decision");
  json.string(to_string(decision.verdict));
  if (decision.grant) {
    const Grant::Terms& terms = decision.grant->terms();
    json.key("grant").begin_object().key("signer").string(terms.signer).key("tenant").string(terms.tenant);
    json.key("lifetimeSeconds").integer(terms.lifetime.count());
    if (terms.quota) {
      json.key("quota").begin_object().key("perMinute").integer(terms.quota->per_minute);
      json.key("burst").integer(terms.quota->burst).end_object();
    }
    json.end_object();
  }
  json.key("checks").begin_array();
  for (const ExplainedCheck& check : explanation.checks) {
    json.begin_object().key("check").string(check_name(check.check)).key("reason").string(to_string(check.check));
    json.key("outcome").string(to_string(check.outcome)).key("asked").string(check.asked);
    json.key("allowed").string(check.allowed).key("rule").string(check.rule);
    if (!check.findings.empty()) {
      json.key("mode").string(to_string(check.mode));
    }
    json.key("findings").begin_array();
    for (const std::string& finding : check.findings) {
      json.string(finding);
    }
    json.end_array().end_object();
  }
  json.end_array().end_object();
  return json.take() + "\n";
}

po::options_description request_options() {
  po::options_description options("Options");
  auto add = options.add_options();
  add("file", po::value<std::string>()->required()->value_name("FILE"), "the policy file");
  add("identity", po::value<std::string>()->value_name("SPIFFE-ID"), "of the workload that asks");
  add("dns-name", po::value<std::vector<std::string>>()->value_name("NAME"), "a name of the service that asks");
  add("ip-address", po::value<std::vector<std::string>>()->value_name("ADDRESS"), "an address of that service");
  add("namespace-label", po::value<std::vector<std::string>>()->value_name("KEY=VALUE"),
      "a label of the identity's namespace (default: its labels are not known)");
  add("signer", po::value<std::string>()->required()->value_name("NAME"), "without the domain, or a whole signerName");
  add("requester", po::value<std::string>()->value_name("USER"),
      "who asks on its behalf, or self (default: whom the policy lists first)");
  add("group", po::value<std::vector<std::string>>()->value_name("GROUP"),
      "of the requester (default: those of a service account)");
  add("key", po::value<std::string>()->value_name("TYPE"), "(default: ECDSA-P256)");
  add("usage", po::value<std::vector<std::string>>()->value_name("USAGE"), "(default: the four of a workload)");
  add("duration", po::value<std::string>()->value_name("DURATION"), "24h, 1h30m (default: none is asked for)");
  add("mutate", "explain the request as /mutate leaves it, as at CREATE in a cluster");
  add("for", po::value<std::string>()->default_value("tenant")->value_name("WHOM"),
      "tenant: nothing of other tenants is told; operator: everything");
  add_output_option(options);
  return options;
}

tl::expected<RequestSketch, std::string> sketch_of(const CommandLine& line) {
  RequestSketch sketch;
  sketch.identity = line.text("identity");
  sketch.dns_names = line.texts("dns-name");
  sketch.ip_addresses = line.texts("ip-address");
  if (sketch.identity.empty() && sketch.dns_names.empty() && sketch.ip_addresses.empty()) {
    return tl::unexpected<std::string>("--identity, --dns-name or --ip-address is needed: who asks?");
  }
  for (const std::string& label : line.texts("namespace-label")) {
    const std::size_t equals = label.find('=');
    if (equals == std::string::npos || !is_label_key(label.substr(0, equals)) ||
        !is_label_value(label.substr(equals + 1))) {
      return tl::unexpected("--namespace-label: \"" + label + "\" is not a label such as team=orders");
    }
    if (!sketch.namespace_labels) {
      sketch.namespace_labels.emplace();
    }
    (*sketch.namespace_labels)[label.substr(0, equals)] = label.substr(equals + 1);
  }
  sketch.signer = line.text("signer");
  sketch.requester = line.text("requester");
  sketch.groups = line.texts("group");
  if (line.has("key")) {
    sketch.key = line.text("key");
  }
  if (line.has("usage")) {
    sketch.usages = line.texts("usage");
  }
  if (line.has("duration")) {
    sketch.duration = parse_duration(line.text("duration"));
    if (!sketch.duration) {
      return tl::unexpected("--duration: \"" + line.text("duration") +
                            "\" is not a duration such as 24h or 1h30m (at most 596523h)");
    }
  }
  sketch.mutate = line.has("mutate");
  return sketch;
}

}  // namespace

int policy_explain_command(const Arguments& arguments) {
  const auto line = CommandLine::parse(
      "signet policy explain FILE --identity SPIFFE-ID --signer NAME [options]\n\n"
      "Tells of each check of such a request what was asked, what is allowed and which field says so.\n"
      "Exit code 0 when it would pass, 1 when denied.",
      request_options(), arguments, "file");
  if (!line) {
    return line.error();
  }
  const auto as_json = wants_json(*line);
  if (!as_json) {
    return as_json.error();
  }
  const std::string whom = line->text("for");
  if (whom != "tenant" && whom != "operator") {
    return usage_error("--for must be tenant or operator, not \"" + whom + "\"");
  }
  const auto sketch = sketch_of(*line);
  if (!sketch) {
    return usage_error(sketch.error());
  }
  const std::shared_ptr<const Policy> policy = read_policy_or_complain(line->text("file"));
  if (policy == nullptr) {
    return kExitUsage;
  }
  const Explanation explanation = explain(*policy, sketched_request(*sketch, *policy), SketchedNamespace(*sketch),
                                          whom == "operator" ? Audience::kOperator : Audience::kTenant);
  std::cout << (*as_json ? json_of(explanation, *policy) : text_of(explanation));
  return explanation.decision.denied() ? kExitNo : kExitYes;
}

}  // namespace signet
