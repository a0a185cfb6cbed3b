// A policy is either refused with a place for each problem, or can be asked.

#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "policy/policy_loader.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto model = signet::load_policy({reinterpret_cast<const char*>(data), size}, "policy.yaml");
  if (!model) {
    if (model.error().empty()) {
      std::abort();
    }
    return 0;
  }
  const signet::Policy policy(*std::move(model), "digest");
  signet::SigningRequest request;
  request.signer_name = policy.signer_name(policy.signers().front());
  if (policy.evaluate(request).grant) {  // it asks for no name
    std::abort();
  }
  return 0;
}
