#include "policy/policy_problem.h"

#include <cstddef>
#include <utility>

namespace signet {
namespace {

// info_of finds a rule by its number.
constexpr bool in_order() {
  for (std::size_t i = 0; i < kPolicyRules.size(); ++i) {
    if (kPolicyRules[i].rule != static_cast<PolicyRule>(i)) {
      return false;
    }
  }
  return kPolicyRules.back().rule == PolicyRule::kNotEnforced;
}
static_assert(in_order());

}  // namespace

std::string to_string(const PolicyProblem& problem) {
  const std::string place =
      problem.line == 0 ? problem.file
                        : problem.file + ":" + std::to_string(problem.line) + ":" + std::to_string(problem.column);
  return place + (info_of(problem.rule).severity == PolicySeverity::kWarning ? ": warning: " : ": ") + problem.message;
}

std::string to_report(const PolicyProblem& problem) {
  std::string report = to_string(problem);
  if (problem.line == 0) {
    return report;
  }
  const std::string number = std::to_string(problem.line);
  report += "\n " + number + " | " + problem.excerpt.line;
  report += "\n " + std::string(number.size(), ' ') + " | " + std::string(problem.excerpt.caret, ' ') + "^";
  return problem.hint.empty() ? report : report + " " + problem.hint;
}

std::vector<PolicyProblem> with_excerpts(std::vector<PolicyProblem> problems, std::string_view text) {
  if (problems.empty()) {
    return problems;
  }
  SourceLines lines(text);
  for (PolicyProblem& problem : problems) {
    if (problem.line > 0) {
      problem.excerpt = lines.excerpt({problem.line, problem.column});
    }
  }
  return problems;
}

std::vector<PolicyProblem> not_yaml(const std::vector<YamlProblem>& problems, std::string_view file,
                                    std::string_view text) {
  std::vector<PolicyProblem> told;
  for (const YamlProblem& problem : problems) {
    told.push_back({.file = std::string(file),
                    .line = problem.mark.line,
                    .column = problem.mark.column,
                    .message = problem.message,
                    .rule = PolicyRule::kNotYaml});
  }
  return with_excerpts(std::move(told), text);
}

}  // namespace signet
