#include "policy/policy_test_run.h"

#include <algorithm>
#include <iterator>

#include "policy/duration.h"
#include "policy/quoting.h"

namespace signet {
namespace {

std::string verdict_text(Decision::Verdict verdict, const std::vector<Reason>& reasons) {
  switch (verdict) {
    case Decision::Verdict::kNotOurs:
      return "not-ours";
    case Decision::Verdict::kGranted:
      return "granted";
    case Decision::Verdict::kTolerated:
      return "would deny " + joined(reasons, [](Reason reason) { return to_string(reason); });
    case Decision::Verdict::kDenied:
      break;
  }
  return joined(reasons, [](Reason reason) { return to_string(reason); });
}

std::string grant_text(const std::optional<std::chrono::seconds>& lifetime, const std::string& signer) {
  return (lifetime ? " for " + to_string(*lifetime) : "") + (signer.empty() ? "" : " by " + in_quotes(signer));
}

template <typename Range>
std::vector<std::string> not_in(const Range& all, const std::set<std::string>& reached) {
  std::vector<std::string> rest;
  std::ranges::copy_if(all, std::back_inserter(rest), [&](const std::string& name) { return !reached.contains(name); });
  return rest;
}

}  // namespace

CaseOutcome outcome_of(const RequestSketch& sketch, const Policy& policy) {
  const SigningRequest request = sketched_request(sketch, policy);
  const Decision decision = policy.evaluate(request, SketchedNamespace(sketch));
  CaseOutcome outcome;
  outcome.verdict = decision.verdict;
  outcome.message = to_message(decision.findings);
  outcome.tenant = decision.tenant;
  outcome.asked_signer = policy.signer_in_domain(request.signer_name).value_or("");
  for (const Finding& finding : decision.findings) {
    if (std::ranges::find(outcome.reasons, finding.reason) == outcome.reasons.end()) {
      outcome.reasons.push_back(finding.reason);
    }
  }
  std::ranges::sort(outcome.reasons);
  if (decision.grant) {
    outcome.lifetime = decision.grant->terms().lifetime;
    outcome.granted_signer = decision.grant->terms().signer;
  }
  return outcome;
}

bool meets(const CaseOutcome& outcome, const Expectation& expected) {
  return outcome.verdict == expected.verdict && std::ranges::is_permutation(outcome.reasons, expected.reasons) &&
         (!expected.lifetime || outcome.lifetime == expected.lifetime) &&
         (!expected.signer || outcome.granted_signer == *expected.signer);
}

std::string to_string(const Expectation& expected) {
  return verdict_text(expected.verdict, expected.reasons) + grant_text(expected.lifetime, expected.signer.value_or(""));
}

std::string to_string(const CaseOutcome& outcome, const Expectation& expected) {
  return verdict_text(outcome.verdict, outcome.reasons) +
         grant_text(expected.lifetime ? outcome.lifetime : std::nullopt,
                    expected.signer ? outcome.granted_signer : std::string());
}

void PolicyTestCoverage::add(const CaseOutcome& outcome) {
  tenants_.insert(outcome.tenant);
  signers_.insert(outcome.asked_signer);
  reasons_.insert(outcome.reasons.begin(), outcome.reasons.end());
}

std::vector<std::string> PolicyTestCoverage::tenants_not_reached(const Policy& policy) const {
  std::vector<std::string> names;
  std::ranges::transform(policy.model().tenants, std::back_inserter(names), &PolicyModel::Tenant::name);
  return not_in(names, tenants_);
}

std::vector<std::string> PolicyTestCoverage::signers_not_reached(const Policy& policy) const {
  return not_in(policy.signers(), signers_);
}

std::vector<std::string> PolicyTestCoverage::reasons_not_reached() const {
  std::vector<std::string> codes;
  for (const Reason reason : kReasons) {
    if (!reasons_.contains(reason)) {
      codes.emplace_back(to_string(reason));
    }
  }
  return codes;
}

}  // namespace signet
