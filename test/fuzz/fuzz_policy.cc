// A policy is either refused with a place for each problem, or can be asked. What is told of it is lines of UTF-8: one,
// or one with the line that is meant and its caret.

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "policy/policy_loader.h"
#include "policy/utf8.h"

namespace {

void check_reports(const std::vector<signet::PolicyProblem>& problems) {
  for (const signet::PolicyProblem& problem : problems) {
    const std::string report = signet::to_report(problem);
    if (signet::find_invalid_utf8(report) || std::ranges::count(report, '\n') != (problem.line == 0 ? 0 : 2)) {
      std::abort();
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto loaded = signet::load_policy_with_warnings({reinterpret_cast<const char*>(data), size}, "policy.yaml");
  if (!loaded) {
    if (loaded.error().empty()) {
      std::abort();
    }
    check_reports(loaded.error());
    return 0;
  }
  check_reports(loaded->warnings);
  const signet::Policy policy(std::move(loaded->model), "digest");
  signet::SigningRequest request;
  request.signer_name = policy.signer_name(policy.signers().front());
  if (policy.evaluate(request, signet::KnownNamespaces()).grant) {  // it asks for no name
    std::abort();
  }
  const std::string trust_domain = policy.model().trust_domains.front();
  request.pkcs10->subject_alt_name_extensions = 1;
  request.pkcs10->names = {{signet::SubjectAltName::Type::kUri, "spiffe://" + trust_domain + "/ns/nobodys/sa/fuzz"}};
  const signet::Policy::Adjustment adjustment = policy.adjust(request, signet::KnownNamespaces());
  request.signer_name = adjustment.signer_name.value_or(request.signer_name);
  request.expiration_seconds = adjustment.expiration_seconds;
  if (policy.evaluate(request, signet::KnownNamespaces()).grant) {  // its key is none
    std::abort();
  }
  return 0;
}
