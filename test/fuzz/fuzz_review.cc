// Any body of a review is answered with a review, or refused with a reason; and a patch is only ever given by mutation.

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "policy/policy_loader.h"
#include "signer/kube/json.h"
#include "test/fuzz/policy_text.h"
#include "webhook/reviewer.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const signet::Policy policy(signet::load_policy(signet::fuzz::kPolicy, "policy.yaml").value(), "digest");
  const signet::ReviewContext context{
      .policy = policy, .namespaces = signet::KnownNamespaces(), .issuers = nullptr, .self = "signet", .now = {}};
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  for (const auto kind : {signet::ReviewKind::kValidate, signet::ReviewKind::kMutate}) {
    const auto reviewed = signet::review(kind, body, context);
    if (!reviewed) {
      continue;
    }
    const auto answer = signet::JsonDocument::parse(reviewed->body);
    if (!answer) {
      std::abort();
    }
    const signet::JsonView response = answer->root().get("response");
    const auto allowed = response.get("allowed").as_bool();
    const bool mutates = kind == signet::ReviewKind::kMutate;
    if (!allowed || (mutates && !*allowed) || (!mutates && response.get("patch").exists()) ||
        (!*allowed && response.at("status", "message").as_string().value_or("").empty())) {
      std::abort();
    }
  }
  return 0;
}
