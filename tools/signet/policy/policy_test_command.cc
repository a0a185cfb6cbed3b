#include <algorithm>
#include <chrono>
#include <filesystem>
#include <iostream>
#include <map>

#include "signer/kube/bounded_file.h"
#include "signer/kube/json.h"
#include "tools/signet/command_line/command.h"
#include "tools/signet/command_line/command_line.h"
#include "tools/signet/inputs/input_file.h"
#include "tools/signet/policy/policy_test_report.h"
#include "tools/signet/review/manifest_review.h"
#include "webhook/front_limits.h"
#include "webhook/reviewer.h"

namespace signet {

namespace po = boost::program_options;

namespace {

// The codes of an answer, of which each line begins "signet: <code>: ".
std::vector<Reason> reasons_in(std::string_view message) {
  constexpr std::string_view kBegin = "signet: ";
  std::vector<Reason> reasons;
  for (std::size_t begin = 0; begin < message.size();) {
    const std::size_t end = std::min(message.find('\n', begin), message.size());
    const std::string_view line = message.substr(begin, end - begin);
    begin = end + 1;
    if (!line.starts_with(kBegin)) {
      continue;
    }
    const std::optional<Reason> reason =
        reason_named(line.substr(kBegin.size(), line.find(':', kBegin.size()) - kBegin.size()));
    if (reason && std::ranges::find(reasons, *reason) == reasons.end()) {
      reasons.push_back(*reason);
    }
  }
  std::ranges::sort(reasons);
  return reasons;
}

// What the webhook answers to the review or manifest of a case. An error says what is wrong with it.
tl::expected<CaseOutcome, std::string> outcome_of_file(const std::string& text, const PolicyTestCase& tested,
                                                       const Policy& policy) {
  const auto document = JsonDocument::parse(text, {.max_bytes = kMaxReviewBytes});
  tl::expected<std::string, std::string> body(text);
  if (document && document->root().get("kind").as_string() == "AdmissionReview") {
    if (tested.states_requester) {
      return tl::unexpected<std::string>(
          "an AdmissionReview says itself who asks: \"requester\" and \"groups\" are for "
          "manifests");
    }
  } else {
    const SigningRequest request = sketched_request(tested.sketch, policy);
    body = review_of_manifest(text, {.username = request.requester, .groups = request.requester_groups});
  }
  const SketchedNamespace namespaces(tested.sketch);
  const auto reviewed = body.and_then([&](const std::string& review_body) {
    return review(ReviewKind::kValidate, review_body,
                  {.policy = policy,
                   .namespaces = namespaces,
                   .issuers = nullptr,
                   .self = {},
                   .now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now())});
  });
  if (!reviewed) {
    return tl::unexpected(reviewed.error());
  }
  CaseOutcome outcome;
  if (const std::optional<AuditRecord>& record = reviewed->record) {
    outcome.verdict = !reviewed->allowed        ? Decision::Verdict::kDenied
                      : record->message.empty() ? Decision::Verdict::kGranted
                                                : Decision::Verdict::kTolerated;
    outcome.message = record->message;
    outcome.reasons = reasons_in(record->message);
    outcome.tenant = record->tenant;
    outcome.asked_signer = policy.signer_in_domain(record->signer_requested).value_or("");
  }
  return outcome;
}

class TestRun {
 public:
  // Whether the file could be used; what is wrong is told on stderr.
  bool add(const std::string& path) {
    const auto text = read_bounded_file(path, kMaxPolicyTestBytes);
    if (!text) {
      std::cerr << text.error() << "\n";
      return false;
    }
    const auto test = load_policy_test(*text, path);
    if (!test) {
      complain_about(test.error());
      return false;
    }
    const std::filesystem::path folder = std::filesystem::path(path).parent_path();
    PolicyTestResult result{.file = path, .policy = (folder / test->policy).lexically_normal().string(), .cases = {}};
    const std::shared_ptr<const Policy> policy = read_policy_or_complain(result.policy);
    if (policy == nullptr) {
      return false;
    }
    std::vector<PolicyProblem> problems;
    Tried& tried = tried_.try_emplace(result.policy, Tried{.policy = policy, .coverage = {}}).first->second;
    for (const PolicyTestCase& tested : test->cases) {
      const auto outcome = tested.file.empty() ? outcome_of(tested.sketch, *policy)
                                               : outcome_of_case_file(folder / tested.file, tested, *policy);
      if (outcome) {
        tried.coverage.add(*outcome);
        result.cases.push_back({.tested = tested, .outcome = *outcome});
      } else {
        problems.push_back({.file = path,
                            .line = tested.file_mark.line,
                            .column = tested.file_mark.column,
                            .message = outcome.error(),
                            .rule = PolicyRule::kInvalidValue});
      }
    }
    complain_about(with_excerpts(problems, *text));
    report_.results.push_back(std::move(result));
    return problems.empty();
  }

  PolicyTestReport take_report() {
    for (const auto& [path, tried] : tried_) {
      report_.gaps.push_back({.policy = path,
                              .tenants = tried.coverage.tenants_not_reached(*tried.policy),
                              .signers = tried.coverage.signers_not_reached(*tried.policy),
                              .reasons = tried.coverage.reasons_not_reached()});
    }
    return std::move(report_);
  }

 private:
  struct Tried {
    std::shared_ptr<const Policy> policy;
    PolicyTestCoverage coverage;
  };

  static tl::expected<CaseOutcome, std::string> outcome_of_case_file(const std::filesystem::path& path,
                                                                     const PolicyTestCase& tested,
                                                                     const Policy& policy) {
    const auto text = read_bounded_file(path.string(), kMaxReviewBytes);
    if (!text) {
      return tl::unexpected(text.error());
    }
    return outcome_of_file(*text, tested, policy).map_error([&](const std::string& error) {
      return path.string() + ": " + error;
    });
  }

  PolicyTestReport report_;
  std::map<std::string, Tried> tried_;  // by the policy's file
};

}  // namespace

int policy_test_command(const Arguments& arguments) {
  po::options_description options("Options");
  options.add_options()("file", po::value<std::vector<std::string>>()->required()->value_name("FILE"),
                        "a test file (kind SignerPolicyTest); may be given more than once");
  options.add_options()("output", po::value<std::string>()->default_value("text")->value_name("FORMAT"),
                        "text, json or junit (XML)");
  const auto line = CommandLine::parse(
      "signet policy test FILE… [--output text|json|junit]\n\n"
      "Asks a policy what its test files expect of it, and tells which tenants, signers and reason codes no case "
      "reaches.\n"
      "Exit code 0 when every case is decided as expected, 1 when one is not.",
      options, arguments, "file");
  if (!line) {
    return line.error();
  }
  const std::string output = line->text("output");
  if (output != "text" && output != "json" && output != "junit") {
    return usage_error("--output must be text, json or junit, not \"" + output + "\"");
  }
  TestRun run;
  bool usable = true;
  for (const std::string& path : line->texts("file")) {
    usable = run.add(path) && usable;
  }
  if (!usable) {
    return kExitUsage;
  }
  const PolicyTestReport report = run.take_report();
  std::cout << (output == "json" ? to_json(report) : output == "junit" ? to_junit(report) : to_text(report));
  return report.count(false) == 0 ? kExitYes : kExitNo;
}

}  // namespace signet
